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

/*
 * head: the handshake's. *known: the answer, if it is known already (borrowed until the next
 * call); NULL: acceptor_after_hook(arrival) comes later, but not from inside this call. Errors:
 * those of hook_question_make(), ERR_NO_MEMORY, ERR_INTERNAL.
 */
enum err admission_hook_ask(struct node *n, const struct session_handshake *h, struct slice head,
    uint64_t arrival, const struct hook_answer **known, struct problem *p) MUST_CHECK;

#endif
