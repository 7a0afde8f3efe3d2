/*
 * One envelope on its way: each message to each of its sessions, in order, with pauses where it is
 * for many. Used by deliver.c alone.
 */
#ifndef WSNODE_DELIVER_ROUND_H
#define WSNODE_DELIVER_ROUND_H

#include "wsnode/deliver_wait.h"
#include "wsnode/turns.h"

struct round {
    struct turn_task task; /* first */
    STAILQ_ENTRY(round) link;
    struct node *node;             /* borrowed */
    struct envelope envelope;      /* its messages are borrowed until round_keep() */
    char *payloads;                /* owned, once they are kept */
    struct delivery *delivery;     /* borrowed; NULL: nobody waits, and it has not paused */
    bool waits;                    /* the sender does */
    struct envelope_answer answer; /* owned */
    size_t message;                /* where it stands */
    size_t session;
    size_t awaited; /* sessions of groups whose statuses are kept for the delivery */
    struct payload *frames[FORMAT_COUNT];
};

/* e is borrowed. ERR_NO_MEMORY. */
enum err round_init(struct round *r, struct node *n, const struct envelope *e) MUST_CHECK;
void round_finish(struct round *r);
/* Goes on for so many sessions at most. true: it has come to its end. */
bool round_run(struct round *r, size_t sessions, int64_t now_ms);
/* For a pause: takes e's messages over, and copies what they borrow. ERR_NO_MEMORY: nothing was
 * done. */
enum err round_keep(struct round *r, struct envelope *e) MUST_CHECK;
/* A copy of the answer as it stands: what is still to be delivered is told as queued. The caller
 * finishes it. */
enum err round_answer_so_far(const struct round *r, struct envelope_answer *out) MUST_CHECK;

#endif
