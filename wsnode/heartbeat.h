/*
 * The node's proof of life in Redis: its lease, renewed every third of node_lease, and its
 * heartbeat in the table of nodes.
 */
#ifndef WSNODE_HEARTBEAT_H
#define WSNODE_HEARTBEAT_H

#include "wsnode/node.h"

enum err heartbeat_create(struct node *n) MUST_CHECK; /* n->heartbeat */
void heartbeat_destroy(struct node *n);

/*
 * Renews at once. To be called before anything is registered: to one server commands keep their
 * order, so whoever sees an entry of this node finds its lease as well, and does not take it for a
 * ghost. In a cluster the lease may come a moment after it; the next refresh brings back what was
 * removed by then.
 */
void heartbeat_on_redis_ready(struct node *n);
void heartbeat_on_tick(struct node *n, int64_t now_ms);
/* Others believe that this node lives: the lease was confirmed less than node_lease ago. */
bool heartbeat_is_fresh(const struct node *n, int64_t now_ms);

/* At the end: gives the lease back and leaves the table. */
void heartbeat_release(struct node *n);

#endif
