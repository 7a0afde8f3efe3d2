/*
 * Which other nodes are alive, for opens that look at a user's others: leases live in other slots
 * of a Redis Cluster than users, so a script cannot look at them itself. At most about a second
 * old.
 */
#ifndef WSNODE_LIVE_NODES_H
#define WSNODE_LIVE_NODES_H

#include "wsnode/node.h"

struct live_nodes;

struct live_nodes *live_nodes_create(struct node *n); /* NULL: no memory */
void live_nodes_destroy(struct live_nodes *l); /* no answers are awaited any more; NULL is fine */
void live_nodes_on_tick(struct live_nodes *l, int64_t now_ms);
/* "nodeId boot\n…", borrowed until the next tick. NULL: not known, wait. */
const char *live_nodes_text(const struct live_nodes *l, int64_t now_ms);

#endif
