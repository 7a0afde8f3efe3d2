/*
 * Brings events from the stream to the backend, in order, some at a time. One node of the cluster
 * does it, and another one takes over when that has not been heard of for some seconds; it may then
 * bring again what the backend has, under the same ids.
 */
#ifndef WSNODE_ANNOUNCE_BRING_H
#define WSNODE_ANNOUNCE_BRING_H

#include "shared/events.h"

struct node;
struct announce_bringer;

/* NULL: no memory. rules and self are borrowed. */
struct announce_bringer *announce_bringer_create(
    struct node *n, const struct events_rules *rules, const struct events_node *self);
void announce_bringer_stop(struct announce_bringer *b);
void announce_bringer_destroy(struct announce_bringer *b); /* once the loop has run out */
void announce_bringer_on_tick(struct announce_bringer *b, int64_t now_ms);

#endif
