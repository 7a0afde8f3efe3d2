/*
 * Deliveries by node: a send makes one forward per node, however many of its sessions are meant,
 * and by however many messages, for users and for groups of sessions. No I/O.
 */
#ifndef FCGI_SEND_GROUP_H
#define FCGI_SEND_GROUP_H

#include "fcgi-send/batch.h"

/*
 * What goes to one node in one forward: at most ENVELOPE_MESSAGES_MAX messages and
 * ENVELOPE_SESSIONS_MAX sessions, and no more bytes than the node takes. The rest gets groups of
 * its own, which follow: later pieces, to be forwarded after the earlier ones.
 */
struct group {
    const struct registry_entry *node; /* borrowed: any entry, for node_id, addr and boot */
    struct delivery **members;         /* both borrowed from the groups, and in the same order */
    char (*session_ids)[SESSION_ID_BYTES];
    size_t count;
    struct envelope_message *messages; /* borrowed likewise: each with its part of session_ids */
    size_t message_count;
    size_t session_count; /* that are listed in all messages */
    size_t piece;         /* 0 for a node's first */
    size_t bytes;         /* of the envelope, at most */
};
struct groups {
    struct group *items; /* owned, as the three below, which hold what is in all groups */
    size_t count;
    size_t piece_count; /* of the node that has most */
    struct delivery **members;
    size_t member_count;
    char (*session_ids)[SESSION_ID_BYTES];
    struct envelope_message *messages;
};

/*
 * Only what is DELIVERY_UNREACHABLE yet is in a group: no ghosts. The deliveries are borrowed, and
 * those of one message stand together; messages reach each session in the order of the batch.
 * max_bytes: of an envelope; one message to one session fits always. ERR_NO_MEMORY.
 */
enum err group_by_node(
    struct delivery *deliveries, size_t count, size_t max_bytes, struct groups *out) MUST_CHECK;
void groups_finish(struct groups *g);

/* What is said to the node. Errors stick to out. */
void group_encode(const struct group *g, enum message_wait wait, int64_t wait_ms, struct buf *out);
/* What the node says. What it does not mention stays as it is. */
void group_take_answer(struct group *g, const struct envelope_answer *answer);
void group_set_status(struct group *g, enum delivery_status status);
void group_set_session_status(struct group *g, const char *session_id, enum delivery_status status);

#endif
