/*
 * What sessions want of the registry, made into commands on the node's Redis connection. Across the
 * gap a session's id is kept, never its pointer. While Redis is away, opens, acks and closes wait
 * (session_on_tick ends sessions that waited too long), and the rest is dropped: refresh heals it.
 */
#ifndef WSNODE_PRESENCE_H
#define WSNODE_PRESENCE_H

#include "shared/hint.h"
#include "wsnode/session.h"

enum err presence_create(struct node *n) MUST_CHECK; /* n->presence */
void presence_destroy(struct node *n);

/* session_after_open() comes, unless the session ends first. last_id: the client's, or "". */
void presence_open(struct node *n, struct session *s, const char *last_id);
void presence_refresh(
    struct node *n, struct session *s); /* session_after_refresh() comes, or nothing */
/* After s->watermark, by s->replay; session_after_fetch() comes, but not from inside this call. */
void presence_fetch(struct node *n, struct session *s);
/* session_take_memberships() comes, or nothing. */
void presence_fetch_memberships(struct node *n, struct session *s);
void presence_ack(struct node *n, struct session *s); /* s->acked, with others' within 100 ms */
/* Flushes its ack first. s is still in the table. */
void presence_close(struct node *n, struct session *s);

/* session_topic_describe_fetch() is asked for what; session_after_topic_fetch() comes; from
 * inside this call only if it failed. */
void presence_fetch_topic(struct node *n, const struct subscription *sub);
/* A group got its first member, who waits for it: Redis is told at once, not on the next tick. */
void presence_topics_changed(struct node *n);

/* To the node of another session. Nothing depends on its arrival. */
void presence_hint(struct node *n, const struct registry_entry *to, enum hint hint);
void presence_on_hint(struct node *n, struct slice message); /* from the control channel */

/* The connection to Redis is usable (again): waiting opens go out; data_lost: everything must be
 * registered again. */
void presence_on_redis_ready(struct node *n, bool data_lost);
void presence_on_tick(struct node *n, int64_t now_ms);
int64_t presence_pending_count(
    const struct node *n); /* what Redis has yet to be told or to answer: a stop waits for 0 */

#endif
