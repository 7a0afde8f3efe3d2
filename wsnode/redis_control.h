/*
 * The node's control channel: a second connection to Redis that is subscribed to it and reconnects.
 * Hints that come while it is down are lost; nothing depends on them.
 */
#ifndef WSNODE_REDIS_CONTROL_H
#define WSNODE_REDIS_CONTROL_H

#include "shared/buf.h"
#include "shared/redis_topology.h"
#include "wsnode/redis_connection.h"

struct node;

struct redis_control {
    struct redis_connection connection;
    struct node *node; /* borrowed */
    void (*on_hint)(struct node *n, struct slice message);
    size_t attempts; /* so that each goes to another server of a cluster */
};

void redis_control_init(struct redis_control *c, struct node *n, const struct redis_url *url,
    void (*on_hint)(struct node *n, struct slice message));
void redis_control_on_topology(struct redis_control *c, const struct redis_topology *t);
void redis_control_on_tick(struct redis_control *c, const struct redis_topology *t, int64_t now_ms);
void redis_control_stop(struct redis_control *c);

#endif
