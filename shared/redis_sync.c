/*
 * When to connect, when to pause, and what errors mean, for one thread's connection to Redis. The
 * bytes are redis_link.c's.
 */
#include "shared/redis_sync.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "shared/redis_link.h"
#include "shared/redis_url.h"

struct redis_sync {
    const struct config *config; /* borrowed */
    struct redis_url url;
    redisContext *context; /* owned; NULL while there is no connection */
    bool was_used;         /* the connection has answered before */
    enum err failure;      /* of the last attempt; ERR_OK once something was answered */
    int64_t pause_ms;      /* after the next failure */
    int64_t retry_at_ms;   /* monotonic; no attempt before it */
};

enum err redis_sync_create(const struct config *config, struct redis_sync **out, struct problem *p)
{
    struct redis_sync *r = calloc(1, sizeof(*r));
    enum err err;

    if (!r) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    err = redis_url_parse(config->redis_url, &r->url, p);
    if (err) {
        free(r);
        return err;
    }
    r->config = config;
    r->pause_ms = config->redis_retry_min_ms;
    *out = r;
    return ERR_OK;
}

static void disconnect(struct redis_sync *r)
{
    if (r->context) {
        redisFree(r->context);
    }
    r->context = NULL;
    r->was_used = false;
}

void redis_sync_destroy(struct redis_sync *r)
{
    if (r) {
        disconnect(r);
        free(r);
    }
}

/* Between half of the pause and all of it, so that threads and hosts do not come back in step. */
static int64_t with_jitter(int64_t pause_ms)
{
    uint32_t random = 0;
    int64_t half = pause_ms / 2;

    if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
        return pause_ms;
    }
    return half + random % (half + 1);
}

static void after_failure(struct redis_sync *r, enum err err)
{
    char where[160];

    disconnect(r);
    redis_url_describe(&r->url, where, sizeof(where));
    log_limited(LOG_WARN, "redis is away", "url=%s err=%s", where, err_name(err));
    r->failure = err;
    r->retry_at_ms = clock_mono_ms() + with_jitter(r->pause_ms);
    r->pause_ms = r->pause_ms * 2 < r->config->redis_retry_max_ms ? r->pause_ms * 2
                                                                  : r->config->redis_retry_max_ms;
}

static enum err connect_now(struct redis_sync *r)
{
    int64_t deadline_ms = clock_mono_ms() + r->config->redis_connect_timeout_ms;
    enum err err = redis_link_open(&r->url, deadline_ms, &r->context);

    if (err) {
        after_failure(r, err);
        return err;
    }
    return ERR_OK;
}

/* Only an answer ends the pauses: a server that hangs takes connections too. */
static void after_answer(struct redis_sync *r)
{
    if (r->failure) {
        log_info("redis is back", "");
    }
    r->failure = ERR_OK;
    r->pause_ms = r->config->redis_retry_min_ms;
    r->was_used = true;
}

/* An idle connection has nothing to read, unless the server has closed it. */
static bool is_stale(const struct redis_sync *r)
{
    struct pollfd poll_fd = {.fd = r->context->fd, .events = POLLIN};

    return poll(&poll_fd, 1, 0) != 0;
}

static enum err ensure_connected(struct redis_sync *r)
{
    if (r->context && is_stale(r)) {
        disconnect(r);
    }
    if (r->context) {
        return ERR_OK;
    }
    if (r->failure && clock_mono_ms() < r->retry_at_ms) {
        return r->failure;
    }
    return connect_now(r);
}

/* Drops the replies to scripts that Redis does not know; true if there are any. */
static bool drop_noscript(const struct command *commands, size_t count, redisReply **replies)
{
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        if (commands[i].script && redis_reply_is_noscript(replies[i])) {
            freeReplyObject(replies[i]);
            replies[i] = NULL;
            any = true;
        }
    }
    return any;
}

static enum redis_outcome run_pipeline(
    struct redis_sync *r, const struct command *commands, size_t count, redisReply **replies)
{
    int64_t deadline_ms = clock_mono_ms() + r->config->redis_command_timeout_ms;
    enum redis_outcome outcome =
        redis_link_exchange(r->context, commands, count, false, deadline_ms, replies);

    if (outcome == REDIS_LINK_ANSWERED && drop_noscript(commands, count, replies)) {
        outcome = redis_link_exchange(r->context, commands, count, true, deadline_ms, replies);
    }
    return outcome;
}

static enum err after_outcome(struct redis_sync *r, enum redis_outcome outcome)
{
    switch (outcome) {
    case REDIS_LINK_ANSWERED:
        after_answer(r);
        return ERR_OK;
    case REDIS_LINK_TIMED_OUT:
        after_failure(r, ERR_REDIS_DOWN);
        return ERR_REDIS_DOWN;
    case REDIS_LINK_BROKEN:
        /* No pause: whether Redis is away shows when the next call connects. */
        disconnect(r);
        return ERR_REDIS_DOWN;
    case REDIS_LINK_NO_MEMORY:
        disconnect(r);
        return ERR_NO_MEMORY;
    }
    return ERR_INTERNAL;
}

static void after_error_reply(struct redis_sync *r, enum err err, const redisReply *reply)
{
    log_limited(LOG_ERROR, "redis answered an error", "reply=\"%s\"", reply->str);
    if (err == ERR_REDIS_REFUSED) {
        /* Another server may stand behind the address by now. */
        disconnect(r);
    }
}

/* The first error among the replies. */
static enum err check_replies(struct redis_sync *r, redisReply *const *replies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum err err = redis_reply_err(replies[i]);

        if (err) {
            after_error_reply(r, err, replies[i]);
            return err;
        }
    }
    return ERR_OK;
}

static enum err check_commands(const struct command *commands, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum err err = command_err(&commands[i]);

        if (err) {
            return err;
        }
    }
    return ERR_OK;
}

enum err redis_sync_run(struct redis_sync *r, const struct command *commands, size_t count,
    bool repeatable, struct redisReply **replies)
{
    enum redis_outcome outcome;
    enum err err;

    for (size_t i = 0; i < count; i++) {
        replies[i] = NULL;
    }
    if ((err = check_commands(commands, count)) || (err = ensure_connected(r))) {
        return err;
    }
    outcome = run_pipeline(r, commands, count, replies);
    if (outcome == REDIS_LINK_BROKEN && repeatable && r->was_used && count > 0 && !replies[0]) {
        disconnect(r);
        err = connect_now(r);
        if (err) {
            return err;
        }
        outcome = run_pipeline(r, commands, count, replies);
    }
    err = after_outcome(r, outcome);
    if (!err) {
        err = check_replies(r, replies, count);
    }
    if (err) {
        redis_sync_free_replies(replies, count);
    }
    return err;
}

void redis_sync_free_replies(struct redisReply **replies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (replies[i]) {
            freeReplyObject(replies[i]);
        }
        replies[i] = NULL;
    }
}
