/*
 * One connection to Redis, blocking with deadlines (clock_mono_ms()): open with AUTH and SELECT,
 * exchange a pipeline. redis_sync.c decides when to open one and what to do when it fails. After
 * anything but REDIS_LINK_ANSWERED the connection is unusable: redisFree().
 */
#ifndef SHARED_REDIS_LINK_H
#define SHARED_REDIS_LINK_H

#include <stdbool.h>

#include "shared/command.h"
#include "shared/redis_url.h"

struct redisContext;
struct redisReply;

/* ERR_REDIS_DOWN, ERR_REDIS_REFUSED (AUTH or SELECT), ERR_NO_MEMORY. *out is the caller's:
 * redisFree(). */
enum err redis_link_open(
    const struct redis_url *url, int64_t deadline_ms, struct redisContext **out) MUST_CHECK;

enum redis_outcome {
    REDIS_LINK_ANSWERED,
    REDIS_LINK_TIMED_OUT,
    REDIS_LINK_BROKEN,
    REDIS_LINK_NO_MEMORY
};
/*
 * Sends each command whose reply is NULL, and reads these replies, which are the caller's whatever
 * the outcome. as_eval: in the EVAL form.
 */
enum redis_outcome redis_link_exchange(struct redisContext *context, const struct command *commands,
    size_t count, bool as_eval, int64_t deadline_ms, struct redisReply **replies) MUST_CHECK;

#endif
