/*
 * Who may connect: decides on a handshake before the upgrade, and on a token that renews another
 * one. Nothing else in the node knows what a token is verified with.
 *
 * A token is taken from the first of these places that has one: ?token= of the URL, Authorization:
 * Bearer, the cookie that token.cookie names. A bad one is not made up for by a good one in another
 * place.
 */
#ifndef WSNODE_ADMISSION_H
#define WSNODE_ADMISSION_H

#include "shared/token.h"
#include "wsnode/node.h"

struct session_handshake;

/* n->admission; with another node.auth that stays NULL, and everybody is admitted here. Errors as
 * token_verifier_init(). */
enum err admission_create(struct node *n, struct problem *p) MUST_CHECK;
void admission_destroy(struct node *n);
/* Reads the files of keys again, for tokens from now on. If one is bad, all stays as it was, and
 * the log says why. */
void admission_reload(struct node *n);

/*
 * To be asked last, as it costs the most. now_ms: wall clock. Fills in h->token and does not look
 * at h->credentials again, so the head may go after this call. ERR_TOKEN_MISSING and errors of
 * token_verify(): 401. ERR_TOKEN_ELSEWHERE: 403. p says which part of the token is to blame.
 */
enum err admission_decide(const struct node *n, struct session_handshake *h, int64_t now_ms,
    struct problem *p) MUST_CHECK;

/* A token for a session that is there, at this address; errors as above, and ERR_BAD_VALUE where
 * no tokens are asked for. */
enum err admission_renew(const struct node *n, struct slice text, const struct address *address,
    int64_t now_ms, struct token *out, struct problem *p) MUST_CHECK;

#endif
