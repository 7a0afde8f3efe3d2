/*
 * POST /forwardSend's work: each message of an envelope to each of its sessions, and the truth about it back.
 */
#ifndef WSNODE_DELIVER_H
#define WSNODE_DELIVER_H

#include "wsnode/session.h"

enum err deliver_create(struct node *n) MUST_CHECK; /* n->deliveries */
void deliver_destroy(struct node *n);

/*
 * ERR_WRONG_BOOT, ERR_NO_MEMORY: nothing was delivered. ERR_OK and *number == 0: answer is complete (the caller finishes it). ERR_OK and a *number: some sessions are still
 * awaited; deliver_on_done() follows, at latest after e->wait_ms. A repeated forward (by id or forwardId) delivers nothing twice and answers the status as it is now.
 */
enum err deliver_envelope(struct node *n, const struct envelope *e, int64_t now_ms, struct envelope_answer *answer, uint64_t *number) MUST_CHECK;
/* Implemented by internal_http.c (faked in tests): the awaited answer; the callee finishes it. */
void deliver_on_done(struct node *n, uint64_t number, struct envelope_answer *answer);
void deliver_cancel(struct node *n, uint64_t number); /* the caller has gone */

/* From sessions: everything durable up to s->written / s->acked, a non-durable item of that delivery was written, or the session ended. */
void deliver_on_progress(struct node *n, struct session *s);
void deliver_on_written(struct node *n, struct session *s, uint64_t number);
void deliver_on_session_gone(struct node *n, struct session *s);
void deliver_on_tick(struct node *n, int64_t now_ms);

#endif
