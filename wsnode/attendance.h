/*
 * Tells sessions who else is in their topics and on their page, where presence.topics and
 * presence.pages want it: who is there when they come, and once a second who has joined and left.
 * The truth is in Redis (shared/attendance.h): announce tells it, and this reads what all nodes
 * have told. What is told are states, not steps: one that is told again changes nothing.
 */
#ifndef WSNODE_ATTENDANCE_H
#define WSNODE_ATTENDANCE_H

#include "wsnode/session.h"

bool attendance_is_wanted(const struct config *config);
enum err attendance_create(struct node *n) MUST_CHECK; /* n->attendance; NULL: nobody wants it */
void attendance_destroy(struct node *n);               /* once the loop has run out */

/* Of groups that nobody wants it of, nothing happens in all of these. */

/* The session is open: it is on its page, and in the topics that it has been told of already. */
void attendance_begin(struct node *n, struct session *s);
/* It is told that it gets what is sent to the topic. */
void attendance_join(struct node *n, struct session *s, const char *topic);
/* It does not any more. Of a session that ends it is attendance_end() that counts. */
void attendance_leave(struct node *n, struct session *s, const char *topic);
/* It ends, but is still in its topics and in the table. */
void attendance_end(struct node *n, struct session *s);
/* It still is in all of its groups: to be told to Redis again. */
void attendance_again(struct node *n, const struct session *s);

void attendance_on_redis_ready(struct node *n, bool data_lost); /* as presence.h has it */
void attendance_on_tick(struct node *n, int64_t now_ms);

#endif
