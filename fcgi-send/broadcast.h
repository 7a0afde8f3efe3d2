/*
 * A message for a group: one visit to Redis, which says what nodes have members, and one forward to
 * each of these, however many members there are.
 */
#ifndef FCGI_SEND_BROADCAST_H
#define FCGI_SEND_BROADCAST_H

#include "fcgi-send/delivery.h"
#include "fcgi-send/service.h"
#include "shared/topics.h"

/* What a node says of its members. */
struct broadcast_answer {
    bool answered;
    struct envelope_counts counts; /* if it answered */
};

struct broadcast {
    struct topics_sent sent;          /* owned */
    struct delivery *nodes;           /* owned; their status counts where there is no answer */
    struct broadcast_answer *answers; /* owned; of each node, in the same order */
    size_t count;
};

/* m's target is a group. Errors as the problems of lookup_send(); out is written on ERR_OK only. */
enum err broadcast_send(
    struct worker *w, const struct message *m, struct broadcast *out) MUST_CHECK;
void broadcast_finish(struct broadcast *b); /* fine if it is zero */

/* Adds the answer's "data" (docs/api.md). Errors stick to out. */
void broadcast_report(const struct broadcast *b, struct buf *out);

#endif
