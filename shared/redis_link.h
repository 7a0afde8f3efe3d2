/*
 * One connection to Redis, blocking with deadlines (clock_mono_ms()): open with AUTH and SELECT,
 * send a pipeline, receive its replies. redis_peer.c decides when to open one and what to do when
 * it fails. After anything but REDIS_LINK_ANSWERED the connection is unusable: redisFree().
 */
#ifndef SHARED_REDIS_LINK_H
#define SHARED_REDIS_LINK_H

#include <stdbool.h>

#include "shared/command.h"
#include "shared/redis_url.h"

struct redisContext;
struct redisReply;

/* login: AUTH, if it has a password; db: SELECT, if it is not 0. ERR_REDIS_DOWN, ERR_REDIS_REFUSED
 * (AUTH or SELECT), ERR_NO_MEMORY. *out is the caller's: redisFree(). */
enum err redis_link_open(const struct redis_place *place, const struct redis_login *login, int db,
    int64_t deadline_ms, struct redisContext **out) MUST_CHECK;

/* One command of a pipeline that may go to several servers. */
struct redis_call {
    const struct command *command; /* borrowed */
    struct redisReply *reply;      /* the caller's; NULL: it has yet to be answered, or err */
    enum err err;                  /* why it was given up: there will be no reply */
    int place;                     /* which server it is for */
    bool as_eval;                  /* in the EVAL form */
    bool asking;                   /* after ASKING (Redis Cluster) */
    bool late;                     /* it had to run again, after the others */
};

enum redis_outcome {
    REDIS_LINK_ANSWERED,
    REDIS_LINK_TIMED_OUT,
    REDIS_LINK_BROKEN,
    REDIS_LINK_NO_MEMORY
};
/* Sends the calls for this place that are open: without a reply, and not given up.
 * REDIS_LINK_ANSWERED: they are on their way. */
enum redis_outcome redis_link_send(struct redisContext *context, const struct redis_call *calls,
    size_t count, int place, int64_t deadline_ms) MUST_CHECK;
/* Reads the replies to them. Those that came are the caller's, whatever the outcome. */
enum redis_outcome redis_link_receive(struct redisContext *context, struct redis_call *calls,
    size_t count, int place, int64_t deadline_ms) MUST_CHECK;

#endif
