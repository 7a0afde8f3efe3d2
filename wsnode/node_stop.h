/*
 * How a node ends. Drain: not ready, the sessions closed evenly over drain_time. Or at once: all
 * sessions closed in slices. Then in both cases: the registry told, the lease given back; at latest
 * shutdown_timeout after the drain. Forwards are served until the loop stops.
 */
#ifndef WSNODE_NODE_STOP_H
#define WSNODE_NODE_STOP_H

#include "wsnode/session.h"

/* Drains, with 1012; with a drain_time of 0 it is node_stop_hurry(). Called again, it does nothing:
 * a signal may come from several sides. */
void node_stop_begin(struct node *n, int64_t now_ms);
/* What is left is closed at once, with 1001. Called again, nothing is waited for any more. */
void node_stop_hurry(struct node *n, int64_t now_ms);
/*
 * POST /drain: not ready from now on. The supervisor is asked to have all its workers drain, this
 * one too: it must let go of their public sockets first. Without one, the drain begins here.
 */
void node_stop_request(struct node *n, int64_t now_ms);
/* How much of drain_time is left; all of it before the drain. */
int64_t node_stop_drain_left_ms(const struct node *n, int64_t now_ms);

void node_stop_on_tick(struct node *n, int64_t now_ms); /* stops the loop once all is done */
void node_stop_finish(struct node *n);                  /* frees n->stop */

#endif
