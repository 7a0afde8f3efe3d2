/*
 * Redis on the worker's loop, whatever redis.url says it is: commands with deadlines, and
 * readiness. redis_finder.c finds the servers, redis_shard.c talks to each one, redis_connection.c
 * keeps connections up, redis_control.c listens to the control channel besides.
 */
#ifndef WSNODE_REDIS_ASYNC_H
#define WSNODE_REDIS_ASYNC_H

#include "shared/command.h"
#include "shared/config.h"
#include "shared/err.h"

struct node;
struct redis_async;
struct redisReply;

struct redis_async_events {
    /* A server is there (again). data_lost: it is another one (run_id) than before, or a new one.
     */
    void (*on_ready)(struct node *n, bool data_lost);
    void (*on_hint)(struct node *n, struct slice message); /* from the control channel */
};
/* Connects on the first tick. n->id is set. events are borrowed. ERR_BAD_VALUE: redis.url. */
enum err redis_async_create(struct node *n, const struct redis_async_events *events,
    struct redis_async **out, struct problem *p) MUST_CHECK;
/* No reconnects; closes handles; redis_async_destroy() once the loop has run out. */
void redis_async_stop(struct redis_async *r);
void redis_async_destroy(struct redis_async *r);
void redis_async_on_tick(struct redis_async *r, int64_t now_ms);

bool redis_async_is_ready(const struct redis_async *r); /* some server is there */
bool redis_async_is_whole(const struct redis_async *r); /* all are */
/* Has each taken the last probe, and did redis.wait_replicas confirm what was last to be? */
bool redis_async_takes_writes(const struct redis_async *r);
bool redis_async_has_replicas(const struct redis_async *r);
/* Looks anew, by a write to each: in a cluster, each may fail alone. */
void redis_async_probe(struct redis_async *r);
/*
 * err: ERR_OK with a reply, ERR_REDIS_DOWN (lost, reply NULL), or what redis_reply_err() says of an
 * error reply. reply is borrowed.
 */
typedef void redis_async_done(
    struct node *n, enum err err, const struct redisReply *reply, void *arg);
/*
 * Copies the command. ERR_REDIS_DOWN (the server that has its key is not ready), ERR_NO_MEMORY:
 * done is not called. On NOSCRIPT it is sent again as EVAL, and to another server where a cluster
 * says so. done may be NULL.
 */
enum err redis_async_run(
    struct redis_async *r, const struct command *c, redis_async_done *done, void *arg) MUST_CHECK;
/*
 * For a command that writes, and whose answer is acted upon: done is told of it only once
 * redis.wait_replicas replicas have all that Redis had by then, or else ERR_TOO_FEW_REPLICAS.
 */
enum err redis_async_run_confirmed(
    struct redis_async *r, const struct command *c, redis_async_done *done, void *arg) MUST_CHECK;
int64_t redis_async_in_flight(const struct redis_async *r);

#endif
