/*
 * A message as the caller of POST /socketSend writes it: parse, check, serialise. docs/api.md has the fields.
 */
#ifndef SHARED_MESSAGE_H
#define SHARED_MESSAGE_H

#include "shared/address.h"
#include "shared/json.h"

enum message_wait { MESSAGE_WAIT_NONE, MESSAGE_WAIT_WRITTEN, MESSAGE_WAIT_ACK };

/* What of a user's sessions a message is for. "" means not narrowed. page needs server_client. */
struct target {
    char user_id[ADDRESS_PART_BYTES_MAX + 1];
    char server_client[ADDRESS_PART_BYTES_MAX + 1];
    char page[ADDRESS_PART_BYTES_MAX + 1];
    char session_id[SESSION_ID_BYTES];
};

struct message {
    struct target target;
    char message_id[CLIENT_MESSAGE_ID_BYTES_MAX + 1]; /* "" where the caller gave none */
    struct buf payload; /* owned: {"msgTitle":…,"msgInfo":…,"destUrl":…,"json":…} as one object, only members that were given */
    char exclude[MESSAGE_EXCLUDE_MAX][SESSION_ID_BYTES];
    size_t exclude_count;
    bool durable;
    int64_t ttl_s; /* 0: as long as the inbox keeps it */
    enum message_wait wait;
    int64_t timeout_ms;
};

struct message_rules {
    int64_t payload_max_bytes;
    int64_t timeout_max_ms;
    int64_t ttl_max_s;
};

/*
 * text: one JSON object that json_check() passed, and object its parsed form; path as in json.h. The rules that
 * go beyond single fields: exactly one of userId and key; page only with serverClient; serverClient, page and sessionId
 * only with userId; json or msgInfo required; durable defaults to true, but to false with sessionId, and durable: true with sessionId is
 * ERR_BAD_VALUE (a session's id never comes back, so nothing could ever fetch it); ttl only when durable (seconds, 1 to ttl_max_s);
 * wait "none" (default) "written" "ack"; timeoutMs (1 to timeout_max_ms, default 2000 cut to the maximum) only with wait.
 * messageId: 1 to 128 bytes as an address part, but ':' and '/' are allowed. exclude: sessionIds.
 * message_finish() is needed after ERR_OK only.
 */
enum err message_parse(struct slice text, struct json_object *object, const char *path, const struct message_rules *rules,
    struct message *out, struct problem *p) MUST_CHECK;
void message_finish(struct message *m);

/* Is a session at this address one that the target means? (its userId is not compared, its sessionId is) */
bool target_matches(const struct target *t, const struct address *a, const char *session_id);
/* The narrowing as it is stored in the inbox: "*", "pc" or "pc:home". */
void target_format_narrowing(const struct target *t, char *out, size_t out_bytes);

#endif
