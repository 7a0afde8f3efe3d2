/*
 * What a client may do per second, and how long a session may go without a message. A session keeps
 * something for it only where an option asks for it.
 */
#ifndef WSNODE_SESSION_LIMITS_H
#define WSNODE_SESSION_LIMITS_H

#include "wsnode/session.h"

struct session_limits;

enum err session_limits_start(struct node *n, struct session *s) MUST_CHECK; /* ERR_NO_MEMORY */
void session_limits_stop(struct node *n, struct session *s);                 /* out of the ring */
void session_limits_destroy(struct session *s);

/* One frame of the client's with so many bytes of a message. false: too many; s is being closed. */
bool session_limits_take(
    struct node *n, struct session *s, size_t bytes, int64_t now_ms) MUST_CHECK;
void session_limits_on_message(struct node *n, struct session *s); /* in either direction */
void session_limits_on_tick(struct node *n);

#endif
