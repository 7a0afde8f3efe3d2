/*
 * What sessions want of the registry, made into commands on the node's Redis connection. Across the gap a session's id is kept, never its pointer.
 * While Redis is away, opens wait (session_on_tick ends those that waited too long), and the rest is dropped: refresh heals it.
 */
#ifndef WSNODE_PRESENCE_H
#define WSNODE_PRESENCE_H

#include "wsnode/session.h"

enum err presence_create(struct node *n) MUST_CHECK; /* n->presence */
void presence_destroy(struct node *n);

void presence_open(struct node *n, struct session *s, const char *last_id); /* session_after_open() comes, unless the session ends first */
void presence_refresh(struct node *n, struct session *s); /* session_after_refresh() comes, or nothing */
void presence_fetch(struct node *n, struct session *s);   /* after s->watermark, by s->replay; session_after_fetch() comes */
void presence_ack(struct node *n, struct session *s);     /* s->acked, written together with others' within 100 ms */
void presence_close(struct node *n, struct session *s);   /* flushes its ack first */
void presence_hint(struct node *n, const struct registry_entry *to, enum hint hint); /* to the node of another session */

/* The connection to Redis is usable (again): waiting opens go out; data_lost: everything must be registered again. */
void presence_on_redis_ready(struct node *n, bool data_lost);
void presence_on_tick(struct node *n, int64_t now_ms); /* flushes acks, refreshes registrations at the bounded rate */
int64_t presence_pending_count(const struct node *n);  /* answers still awaited: a stop waits for 0 */

#endif
