/*
 * Messages on their one visit to Redis: to a user, or to a group. The command as data, and the
 * decoding of its reply. Script: lua/send.lua. Conventions as in registry.h.
 */
#ifndef SHARED_MESSAGE_SEND_H
#define SHARED_MESSAGE_SEND_H

#include "shared/command.h"
#include "shared/message.h"
#include "shared/registry_entry.h"

struct redisReply;

/* A message, and the hex SHA-256 of what must be equal in a retry: message_hash(), "" without a
 * messageId. */
struct message_item {
    const struct message *message;
    char hash[MESSAGE_HASH_BYTES];
};
struct message_send {
    const struct message_item *items; /* borrowed; all to one user or group, in their order */
    size_t count;                     /* at most MESSAGE_ITEMS_MAX */
    bool looks_up;                    /* tell the user's sessions, or the group's nodes */
    int64_t max_messages;             /* of the inbox, or of the topic's log; so is the next */
    int64_t ttl_ms;
    int64_t idempotency_window_ms;
};
/* Append (durable messages), idempotency (those with a messageId) and look-up in one script call.
 */
void message_send_command(struct command *c, const char *prefix, const struct message_send *s);

struct message_sent {
    bool conflict;  /* messageId was used with another payload: nothing was stored */
    bool duplicate; /* a retry */
    bool stored;    /* id and prev_id are valid */
    struct message_id id;
    struct message_id prev_id;
    /* Owned; the user's sessions, or the group's nodes (topics.h), but for those past `until`. None
     * where they were not asked for. */
    struct registry_entry *entries;
    size_t entry_count;
};
/* to, count: as in the command. The entries are the last one's. */
enum err message_send_decode(const struct redisReply *reply, int64_t now_wall_ms,
    const struct target *to, size_t count, struct message_sent *out) MUST_CHECK;
void message_sent_finish(struct message_sent *s); /* fine if it is zero */

#endif
