/*
 * An entry of the registry: one session of a user, and the node that holds it. As JSON:
 *   {"ip":"10.0.0.5:31882","node":"…","boot":"…","key":"…","userId":"…","since":<ms>,"until":<ms>}
 * `until` is when the entry expires by itself if its node never refreshes it (the hash's own expiry
 * is kept alive by any live session).
 */
#ifndef SHARED_REGISTRY_ENTRY_H
#define SHARED_REGISTRY_ENTRY_H

#include "shared/address.h"
#include "shared/buf.h"
#include "shared/id.h"

struct redisReply;

struct registry_entry {
    char session_id[SESSION_ID_BYTES];
    char addr[NODE_ADDR_BYTES];
    char node_id[NODE_ID_BYTES];
    char boot[BOOT_ID_BYTES];
    struct address address;
    int64_t since_ms; /* wall clock */
    int64_t until_ms; /* wall clock */
};

void registry_entry_encode(
    const struct registry_entry *e, struct buf *out); /* errors stick to out */
/* ERR_BAD_VALUE (session_id, or a member does not fit), or what json.h and address.h say. */
enum err registry_entry_decode(
    struct slice session_id, struct slice json, struct registry_entry *out) MUST_CHECK;

/* What HGETALL replies: the entries, owned by the caller: free(). Those that do not decode or are
 * past `until` are left out. ERR_INTERNAL: it is another reply. ERR_NO_MEMORY. */
enum err registry_entries_decode(const struct redisReply *reply, int64_t now_wall_ms,
    struct registry_entry **out, size_t *count) MUST_CHECK;

#endif
