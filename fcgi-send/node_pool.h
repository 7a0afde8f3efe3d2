/*
 * What this process knows of the nodes, shared by its threads: which of them are alive (a table
 * from Redis, at most a second old), and which have just failed to answer and are left alone for
 * send.node_retry. Both are known by the node's boot, which no two starts of a node share. Safe
 * from all threads.
 */
#ifndef FCGI_SEND_NODE_POOL_H
#define FCGI_SEND_NODE_POOL_H

#include <stdbool.h>

#include "shared/config.h"
#include "shared/err.h"
#include "shared/nodes.h"
#include "shared/redis_sync.h"

struct node_pool;

struct node_pool *node_pool_create(const struct config *config); /* NULL: no memory */
void node_pool_destroy(struct node_pool *pool);                  /* NULL is fine */

/* Loads the table again where that is due and no other thread is at it. It may stay old, or empty,
 * if Redis does not answer: then nothing is known. */
void node_pool_refresh(struct node_pool *pool, struct redis_sync *redis);
/* Had the node that started as `boot` a lease, less than a second ago? false: not known, ask. */
bool node_pool_knows_alive(struct node_pool *pool, const char *boot);

/* The node did not answer, or with an error of its own: it is not asked again before
 * send.node_retry, and then by one thread at a time until it has answered. */
void node_pool_avoid(struct node_pool *pool, const char *boot);
/* false: the caller asks the node. */
bool node_pool_is_avoided(struct node_pool *pool, const char *boot);
void node_pool_forgive(struct node_pool *pool, const char *boot); /* it has answered */

/* All nodes with their leases as Redis has them now. *out is the caller's: free(). */
enum err nodes_load(
    struct redis_sync *redis, const char *prefix, struct node_info **out, size_t *count) MUST_CHECK;

#endif
