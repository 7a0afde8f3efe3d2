/*
 * The groups that a session is in without subscribing: its page, its serverClient, and all.
 */
#ifndef WSNODE_SESSION_GROUPS_H
#define WSNODE_SESSION_GROUPS_H

#include "wsnode/session.h"

/* s is in the table. ERR_NO_MEMORY: it is in none of them. */
enum err session_groups_join(struct node *n, const struct session *s) MUST_CHECK;
void session_groups_leave(struct node *n, const struct session *s); /* it is still in the table */
/* true: all are in Redis. Else w waits for one that is not yet, and asks again then. */
bool session_groups_await(struct node *n, const struct session *s, struct topic_waiter *w);

#endif
