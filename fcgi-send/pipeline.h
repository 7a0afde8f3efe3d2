/*
 * Several commands to Redis in one round trip, and their replies.
 */
#ifndef FCGI_SEND_PIPELINE_H
#define FCGI_SEND_PIPELINE_H

#include "shared/redis_sync.h"

struct pipeline {
    struct command *commands;    /* owned */
    struct redisReply **replies; /* owned; NULL where a command has none */
    struct redis_fate *fates;    /* owned; what pipeline_run_each() says of each command */
    size_t count;
    size_t max;
};

/* Room for max commands. ERR_NO_MEMORY. pipeline_finish() is needed after ERR_OK only. */
enum err pipeline_init(struct pipeline *p, size_t max) MUST_CHECK;
void pipeline_finish(struct pipeline *p);

struct command *pipeline_add(struct pipeline *p); /* borrowed, empty; more than max is an assert */
/* WAIT for redis.wait_replicas, after a write: its reply is how many have that. */
void pipeline_add_wait(struct pipeline *p, const struct config *config);
/* As redis_sync_run(); once per pipeline. Nothing to run is fine. */
enum err pipeline_run(struct pipeline *p, struct redis_sync *redis, bool repeatable) MUST_CHECK;
/* As redis_sync_run_each(): the fates tell. */
void pipeline_run_each(struct pipeline *p, struct redis_sync *redis, bool repeatable);

#endif
