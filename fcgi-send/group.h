/*
 * Sessions by node: a send makes one forward per node, however many of its sessions are meant. No
 * I/O.
 */
#ifndef FCGI_SEND_GROUP_H
#define FCGI_SEND_GROUP_H

#include "fcgi-send/delivery.h"

/* The sessions of one node (at most ENVELOPE_SESSIONS_MAX; the rest gets a group of its own). */
struct group {
    const struct registry_entry *node; /* borrowed: any entry, for node_id, addr and boot */
    struct delivery **members;         /* both borrowed from the groups, and in the same order */
    char (*session_ids)[SESSION_ID_BYTES];
    size_t count;
};
struct groups {
    struct group *items; /* owned, as the two below, which hold all groups' members */
    size_t count;
    struct delivery **members;
    char (*session_ids)[SESSION_ID_BYTES];
};

/* Only what is DELIVERY_UNREACHABLE yet is in a group: no ghosts. The deliveries are borrowed.
 * ERR_NO_MEMORY. */
enum err group_by_node(struct delivery *deliveries, size_t count, struct groups *out) MUST_CHECK;
void groups_finish(struct groups *g);

/* What is said to the node. message's sessions are replaced by the group's. Errors stick to out. */
void group_encode(const struct group *g, const struct envelope_message *message,
    enum message_wait wait, int64_t wait_ms, struct buf *out);

/* Takes the answer of the node. A session that it does not mention stays as it is. */
void group_take_answer(struct group *g, const struct envelope_answer *answer);
/* Where there was no answer: the same for all. */
void group_set_status(struct group *g, enum delivery_status status);
bool group_has_unreachable(const struct group *g);

#endif
