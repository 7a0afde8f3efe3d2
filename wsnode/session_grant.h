/*
 * What a session's token allows it: until when, and what it was called. Hangs on the session, and
 * is not there where tokens are not asked for.
 */
#ifndef WSNODE_SESSION_GRANT_H
#define WSNODE_SESSION_GRANT_H

#include "shared/token.h"
#include "wsnode/wheel.h"

struct node;
struct session;
struct format_event;

struct session_grant {
    struct wheel_entry expiry; /* in node.expiries */
    struct session *session;   /* borrowed: it owns this */
    int64_t expires_ms;        /* wall clock: the token's exp; 0: never */
    int64_t issued_ms;         /* wall clock; 0: unknown */
    const char *id;            /* inside of texts: the token's, or "" */
    const char *topics; /* inside of texts: patterns, each ended by a line feed; NULL: not said */
    char texts[];       /* the token's id or "", and the topics */
};

/* For the session_*.c files. */

/* Sets or replaces it. ERR_NO_MEMORY: the old one stays. */
enum err session_grant_set(struct node *n, struct session *s, const struct token *t) MUST_CHECK;
void session_grant_end(struct node *n, struct session *s); /* fine if there is none */
/* An `auth` frame: a token that is to take the place of the present one. */
void session_on_auth(struct node *n, struct session *s, const struct format_event *event);
/* Closes sessions whose time is over. Bounded work per call. */
void session_grant_on_tick(struct node *n);

#endif
