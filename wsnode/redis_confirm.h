/*
 * Answers of one Redis server that must not be acted upon before redis.wait_replicas replicas have
 * what they are about: a master that was cut off, and is no master any more, would otherwise show
 * sessions what is lost already. They are kept until a WAIT says so. One WAIT is for all that were
 * kept before it was sent, and only one is on its way, so however many there are, each costs one
 * more round trip.
 */
#ifndef WSNODE_REDIS_CONFIRM_H
#define WSNODE_REDIS_CONFIRM_H

#include <stdbool.h>
#include <sys/queue.h>

#include "wsnode/redis_async.h"

struct redis_shard;
struct redis_kept;

TAILQ_HEAD(redis_kept_queue, redis_kept);

struct redis_confirm {
    struct redis_kept_queue waiting;
    struct redis_kept_queue asked; /* the WAIT on its way is for these */
    int64_t count;                 /* in both */
    bool fails;                    /* the last WAIT said that there are too few replicas */
    bool probing; /* a WAIT is on its way that is for nobody; others come after it */
};

void redis_confirm_init(struct redis_confirm *c);
/*
 * The answer to a command that has written something, so that WAIT is about it. done comes once it
 * is confirmed, with a copy of it; or with ERR_TOO_FEW_REPLICAS, ERR_REDIS_DOWN or ERR_NO_MEMORY,
 * maybe inside of this call.
 */
void redis_confirm_add(
    struct redis_shard *s, const struct redisReply *reply, redis_async_done *done, void *arg);
/*
 * Looks whether there are enough for what was just written: `fails` says so then. One that is on
 * its way already will say it too; without redis.wait_replicas there are always enough.
 */
void redis_confirm_probe(struct redis_shard *s);

#endif
