/*
 * A session's subscriptions to topics: what the client asked for, and what the backend did.
 */
#ifndef WSNODE_SESSION_SUBSCRIBE_H
#define WSNODE_SESSION_SUBSCRIBE_H

#include "shared/memberships.h"
#include "wsnode/session.h"

/* Frames of the client. */
void session_subscribe(struct node *n, struct session *s, const struct format_event *event);
void session_unsubscribe(struct node *n, struct session *s, const struct format_event *event);

/* Of the client's, those that its new token does not allow. The client is told. */
void session_end_forbidden(struct node *n, struct session *s);

/* What the backend wants for the user now. The client is told of what that changes. */
void session_take_memberships(
    struct node *n, struct session *s, const struct memberships *memberships);
int64_t session_memberships_version(const struct session *s); /* of the last ones; 0: none yet */

/* Answers the client. recovered: of a topic with history; else nothing is said of that. The session
 * may end by it, and sub with it. */
void session_tell_subscribed(struct node *n, struct subscription *sub, bool recovered);

void session_end_subscriptions(struct node *n, struct session *s); /* it ends */

#endif
