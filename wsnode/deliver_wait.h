/*
 * Senders that wait: what of an envelope is not settled yet, at which session, and until when. Used
 * by deliver.c alone; what sessions call is in deliver.h.
 */
#ifndef WSNODE_DELIVER_WAIT_H
#define WSNODE_DELIVER_WAIT_H

#include "wsnode/deliver.h"
#include "wsnode/recent_forwards.h"

struct delivery; /* one envelope whose sender waits */
struct awaited_session;
struct round;

struct deliveries {
    struct delivery *by_number;                 /* uthash */
    struct awaited_session *by_session;         /* uthash */
    STAILQ_HEAD(delivery_queue, delivery) done; /* to be reported */
    STAILQ_HEAD(round_queue, round) rounds;     /* borrowed: those that have paused, in order */
    struct recent_forwards *recent;             /* owned */
    uint64_t last_number;
};

/* Begins a delivery. NULL: no memory. */
struct delivery *deliver_wait_begin(struct node *n, int64_t deadline_ms);
uint64_t deliver_wait_number(const struct delivery *d);

/* One message at one session. */
struct deliver_wait {
    struct envelope_status *status; /* borrowed from the answer; kept up to date */
    struct message_id id;           /* {0,0}: not durable, settled by deliver_on_written() */
    bool until_acked;               /* else until written */
};
/* Awaits it, unless its status is settled already. Without memory the status of now is what is
 * told. */
void deliver_wait_add(
    struct node *n, struct delivery *d, const struct session *s, const struct deliver_wait *w);

/* All is added. True: something is awaited, and answer is the delivery's. False: the delivery is
 * gone. */
bool deliver_wait_end(struct node *n, struct delivery *d, const struct envelope_answer *answer);
void deliver_wait_count_groups(struct envelope_answer *answer);

/* deliver.c, for deliver_wait.c: the time of a delivery is over that is still on its way. */
void deliver_tell_so_far(struct node *n, const struct delivery *delivery);

#endif
