/*
 * node.auth = hook: the backend is asked about each handshake, before the upgrade and without
 * holding up anything else. What it has said about the very same question counts for a while.
 */
#ifndef WSNODE_ADMISSION_HOOK_H
#define WSNODE_ADMISSION_HOOK_H

#include "wsnode/hook_answer.h"
#include "wsnode/session.h"

struct admission_hook;

/* n->hook; with any other node.auth that stays NULL. */
enum err admission_hook_create(struct node *n, struct problem *p) MUST_CHECK;
void admission_hook_stop(struct node *n); /* questions under way are answered with ERR_HOOK_AWAY */
void admission_hook_destroy(struct node *n); /* once the loop has run out */

struct hook_pending; /* a question that is under way */

/* One of both. */
struct hook_asked {
    const struct hook_answer *known; /* borrowed until the next call */
    struct hook_pending *pending; /* acceptor_after_hook(arrival) comes later and ends it, but not
                                     from inside of the call that asked */
};

/* head: the handshake's. Errors: those of hook_question_make(), ERR_NO_MEMORY, ERR_INTERNAL. */
enum err admission_hook_ask(struct node *n, const struct session_handshake *h, struct slice head,
    uint64_t arrival, struct hook_asked *out, struct problem *p) MUST_CHECK;
/* Nobody waits for the answer any more: else those who leave would fill the queue of questions. */
void admission_hook_cancel(struct hook_pending *pending);

#endif
