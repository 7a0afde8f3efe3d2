/*
 * The watch: once a second, one node of the cluster looks for what nobody else tells: users who are
 * offline, or have left a group, for long enough, and sessions of nodes whose lease is gone. Which
 * node it is does not matter, and neither would two: what is told is taken out in the same step.
 */
#ifndef WSNODE_ANNOUNCE_WATCH_H
#define WSNODE_ANNOUNCE_WATCH_H

#include "shared/events.h"

struct node;
struct announce_watch;

struct announce_watch *announce_watch_create(struct node *n, const struct events_rules *rules);
void announce_watch_destroy(struct announce_watch *w); /* NULL is fine */
/* Who was away itself knows nothing of others' leases yet: all may have been away. */
void announce_watch_on_redis_ready(struct announce_watch *w, int64_t now_ms);
void announce_watch_on_tick(struct announce_watch *w, int64_t now_ms);

#endif
