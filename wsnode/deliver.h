/*
 * POST /forwardSend's work: each message of an envelope to each of its sessions, and the truth
 * about it back. Where the sender wants to wait, the answer comes once the sessions concerned have
 * written or acknowledged, or when the time is over.
 */
#ifndef WSNODE_DELIVER_H
#define WSNODE_DELIVER_H

#include "wsnode/session.h"

enum err deliver_create(struct node *n) MUST_CHECK; /* n->deliveries */
void deliver_destroy(struct node *n);               /* what is awaited gets no answer */

/*
 * ERR_WRONG_BOOT, ERR_NO_MEMORY: nothing was delivered. ERR_OK and *number == 0: answer is complete
 * (the caller finishes it). ERR_OK and a *number: some sessions are still awaited and answer is not
 * touched; deliver_on_done() follows, at latest after e->wait_ms.
 *
 * A repeated forward delivers nothing twice: a durable message is told as it stands now, by its id;
 * a non-durable one as it was first answered, by its forward id. A boot of "" is not compared.
 * Formats without acknowledgements and non-durable messages are awaited until written, at most.
 * What is for more members of groups than one turn of the loop takes is awaited like a wait, and
 * answered half a second later at latest, with what is known then. e's messages may be taken over;
 * the caller finishes e in any case.
 */
enum err deliver_envelope(struct node *n, struct envelope *e, int64_t now_ms,
    struct envelope_answer *answer, uint64_t *number) MUST_CHECK;
/* Implemented by internal_http.c (faked in tests): the awaited answer; the callee finishes it. */
void deliver_on_done(struct node *n, uint64_t number, struct envelope_answer *answer);
/* The caller has gone. What is still being delivered goes on. */
void deliver_cancel(struct node *n, uint64_t number);
/* The caller waits no longer: deliver_on_done(), with what is known, comes from inside this call,
 * unless it is still being delivered. */
void deliver_end_wait(struct node *n, uint64_t number);

/* From sessions. */
/* That durable message was written. What is awaited below it was passed over, for they are written
 * in order. */
void deliver_on_durable_written(struct node *n, struct session *s, struct message_id id);
/* Nothing is in the session's queue, and this page is about to be shown: what is awaited up to its
 * end and is not in it was passed over. */
void deliver_on_page(struct node *n, struct session *s, const struct inbox_page *page);
void deliver_on_acked(struct node *n, struct session *s); /* s->acked moved */
/* A non-durable message of that delivery was written; they are written in order. */
void deliver_on_written(struct node *n, struct session *s, uint64_t number);
void deliver_on_session_gone(struct node *n, struct session *s);
void deliver_on_tick(struct node *n, int64_t now_ms);

#endif
