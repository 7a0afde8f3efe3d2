/*
 * What clients send, on its way to where upstream.to says. A message that was taken is kept until
 * it is stored (stream) or the backend has taken it (hook), or its time is over; its session, if it
 * is still there, is told by session_after_upstream(). In order per session, bounded per session
 * and in all. While it is tried again it keeps its id, so that the other side can tell.
 */
#ifndef WSNODE_UPSTREAM_H
#define WSNODE_UPSTREAM_H

#include "wsnode/session.h"

enum err upstream_create(struct node *n) MUST_CHECK; /* n->upstream; NULL with to = none */
/* What is under way comes to nothing; closes handles. Messages that are left are not told. */
void upstream_stop(struct node *n);
void upstream_destroy(struct node *n); /* once the loop has run out */

/* A FORMAT_TEXT event; all is copied. Not with to = none. ERR_UPSTREAM_FULL, ERR_NO_MEMORY; else
 * session_after_upstream() comes, maybe inside of this call. */
enum err upstream_take(
    struct node *n, struct session *s, const struct format_event *event) MUST_CHECK;

void upstream_on_redis_ready(struct node *n);
void upstream_on_tick(struct node *n, int64_t now_ms);
int64_t upstream_pending_count(const struct node *n); /* a stop waits for 0 */

#endif
