/*
 * How a node ends: no new sessions, all sessions closed in slices, the registry told, the lease
 * given back; at latest after shutdown_timeout.
 */
#ifndef WSNODE_NODE_STOP_H
#define WSNODE_NODE_STOP_H

#include "wsnode/session.h"

/* reason: what sessions are told. Called again, it does nothing. */
void node_stop_begin(struct node *n, enum close_reason reason);
void node_stop_at_once(
    struct node *n); /* after node_stop_begin(): nothing is waited for any more */
void node_stop_on_tick(struct node *n, int64_t now_ms); /* stops the loop once all is done */
void node_stop_finish(struct node *n);                  /* frees n->stop */

#endif
