/*
 * Tells session events (shared/events.h) and attendance (shared/attendance.h): sessions that come
 * and go on this node, or in its groups, in order, each until Redis has confirmed it; and, if this
 * node has the watch, users who have gone offline or left and sessions of nodes that are dead, or
 * brings events to the backend. n->announce is NULL where nobody is to be told, and nothing happens
 * then.
 */
#ifndef WSNODE_ANNOUNCE_H
#define WSNODE_ANNOUNCE_H

#include "shared/attendance.h"
#include "wsnode/session.h"

enum err announce_create(struct node *n) MUST_CHECK; /* n->announce */
void announce_stop(struct node *n);                  /* closes handles */
void announce_destroy(struct node *n);               /* once the loop has run out */

void announce_opened(struct node *n, const struct session *s);
/* It still is, and in its groups, with each refresh: only of who was thought dead, or whose data
 * Redis has lost, is told again. */
void announce_again(struct node *n, const struct session *s);
/* code: of the close frame; 0: there is none. s is still in the table. */
void announce_closed(struct node *n, const struct session *s, enum events_end end, int code);
/* It is in this group, or in all of these (a line feed after each name), or is not any more. s is
 * in the table. */
void announce_groups(struct node *n, const struct session *s, bool is_in, const char *groups);
/* A session is not in a group, if it is one of this node at all. */
void announce_absent(struct node *n, const struct attendance_place *p);
const struct events_node *announce_self(const struct node *n); /* borrowed; who it tells as */

/* So much waits to be told of the session's user, because Redis is away or slow, that there should
 * be no more of it. */
bool announce_is_behind(const struct node *n, const struct session *s);

void announce_on_redis_ready(struct node *n);
void announce_on_tick(struct node *n, int64_t now_ms);
int64_t announce_pending_count(const struct node *n); /* a stop waits for 0 */

#endif
