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

/* The session was told that it is on its page, or gets the messages of a topic; from now on it is
 * told who is there. Of groups that nobody wants it of, nothing happens; again and again is fine.
 */
void attendance_join_page(struct node *n, struct session *s);
void attendance_join_topic(struct node *n, struct session *s, const char *topic);
/* It is not any more. s is still in the table. */
void attendance_leave_page(struct node *n, struct session *s);
void attendance_leave_topic(struct node *n, struct session *s, const char *topic);
/* It still is in all of its groups: to be told to Redis again. */
void attendance_again(struct node *n, const struct session *s);

void attendance_on_tick(struct node *n, int64_t now_ms);

#endif
