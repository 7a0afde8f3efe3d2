/*
 * Commands to one Redis server: in flight in the order of sending, which is also the order of
 * replies and of deadlines, so only the oldest one is watched. When the connection comes up, the
 * scripts are loaded and the server is asked who it is. Which command goes to which shard is
 * redis_async.c's matter.
 */
#ifndef WSNODE_REDIS_SHARD_H
#define WSNODE_REDIS_SHARD_H

#include <sys/queue.h>

#include "wsnode/redis_async.h"
#include "wsnode/redis_confirm.h"
#include "wsnode/redis_connection.h"

struct redis_shard;
struct redis_request;

struct redis_shard_events {
    /* data_lost: another server (run_id) than before, or the first connection. */
    void (*on_ready)(struct redis_shard *s, bool data_lost);
    /*
     * A cluster's server answered with a redirection. true: the request has been sent again, to
     * another shard. false: it is told as failed.
     */
    bool (*on_redirect)(
        struct redis_shard *s, struct redis_request *request, const struct redisReply *reply);
};

TAILQ_HEAD(redis_requests, redis_request);

struct redis_shard {
    struct redis_async *redis;               /* borrowed */
    struct node *node;                       /* borrowed */
    const struct redis_shard_events *events; /* borrowed */
    struct redis_place place;
    struct redis_connection connection;
    struct redis_requests requests;
    int64_t in_flight;
    struct redis_confirm confirm;
    int64_t late_ms; /* deadline of the oldest request, if it had passed at the last tick */
    bool ready;
    bool refuses;    /* it answered the last probe with an error */
    char run_id[41]; /* of the last server; "" before the first */
};

struct redis_shard *redis_shard_create(struct redis_async *redis, struct node *n,
    const struct redis_url *url, const struct redis_place *place,
    const struct redis_shard_events *events); /* NULL: no memory */
/* What is in flight is told as failed. Never from inside of hiredis' callbacks. */
void redis_shard_destroy(struct redis_shard *s);
void redis_shard_on_tick(struct redis_shard *s, int64_t now_ms);

/* As redis_async_run(). keeps: the command may have to be sent again. */
enum err redis_shard_run(struct redis_shard *s, const struct command *c, bool keeps,
    redis_async_done *done, void *arg) MUST_CHECK;
/* As redis_async_run_confirmed(). */
enum err redis_shard_run_confirmed(struct redis_shard *s, const struct command *c, bool keeps,
    redis_async_done *done, void *arg) MUST_CHECK;
/* write: nothing that matters, to see whether it is taken (`refuses`) and replicas get it
 * (`confirm.fails`). */
void redis_shard_probe(struct redis_shard *s, const struct command *write);
/* It does not behave as the master. Where sentinels know who that is, they are asked again. */
void redis_shard_suspect(struct redis_shard *s);
/* A request that another shard was redirected from; asking: after ASKING. On an error it is still
 * the caller's. */
enum err redis_shard_take(
    struct redis_shard *s, struct redis_request *request, bool asking) MUST_CHECK;

#endif
