/*
 * The node's control channel: a second connection to Redis that is subscribed to it and reconnects.
 * Hints that come while it is down are lost; nothing depends on them.
 */
#ifndef WSNODE_REDIS_CONTROL_H
#define WSNODE_REDIS_CONTROL_H

#include "shared/buf.h"
#include "wsnode/redis_connection.h"

struct node;

struct redis_control {
    struct redis_connection connection;
    struct node *node; /* borrowed */
    void (*on_hint)(struct node *n, struct slice message);
};

enum err redis_control_init(struct redis_control *c, struct node *n,
    void (*on_hint)(struct node *n, struct slice message), struct problem *p) MUST_CHECK;
void redis_control_on_tick(struct redis_control *c, int64_t now_ms);
void redis_control_stop(struct redis_control *c);

#endif
