/*
 * One thread's connection to Redis. hiredis is used without its own blocking mode, whose time-outs
 * count per read and not per call: here poll(2) waits until a deadline, and hiredis reads and
 * writes what is there.
 */
#include "shared/redis_sync.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "shared/redis_url.h"

struct redis_sync {
    const struct config *config; /* borrowed */
    struct redis_url url;
    redisContext *context; /* owned; NULL while there is no connection */
    bool was_used;         /* the connection has answered something: it was idle before this call */
    enum err failure;      /* of the last attempt to connect */
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

/* Waits until the socket is ready for what `events` says, or broken; false once the deadline has
 * passed. */
static bool wait_until(int fd, short events, int64_t deadline_ms)
{
    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = events};
        int64_t left_ms = deadline_ms - clock_mono_ms();
        int ready;

        if (left_ms < 0) {
            return false;
        }
        ready = poll(&poll_fd, 1, (int)left_ms);
        if (ready > 0) {
            return true;
        }
        if (ready < 0 && errno != EINTR) {
            return false;
        }
    }
}

/* How an exchange of bytes ended. */
enum outcome { ANSWERED, TIMED_OUT, BROKEN, NO_MEMORY };

static enum outcome flush(redisContext *context, int64_t deadline_ms)
{
    int done = 0;

    while (!done) {
        if (!wait_until(context->fd, POLLOUT, deadline_ms)) {
            return TIMED_OUT;
        }
        if (redisBufferWrite(context, &done) != REDIS_OK) {
            return BROKEN;
        }
    }
    return ANSWERED;
}

static enum outcome read_reply(redisContext *context, int64_t deadline_ms, redisReply **reply)
{
    void *found = NULL;

    for (;;) {
        if (redisGetReplyFromReader(context, &found) != REDIS_OK) {
            return BROKEN;
        }
        if (found) {
            *reply = found;
            return ANSWERED;
        }
        if (!wait_until(context->fd, POLLIN, deadline_ms)) {
            return TIMED_OUT;
        }
        if (redisBufferRead(context) != REDIS_OK) {
            return BROKEN;
        }
    }
}

/* Runs one command of the log-in; any error reply means that Redis does not want us. */
static enum err log_in_step(
    redisContext *context, int argc, const char **argv, const char *name, int64_t deadline_ms)
{
    redisReply *reply = NULL;
    enum err err = ERR_REDIS_DOWN;

    if (redisAppendCommandArgv(context, argc, argv, NULL) == REDIS_OK &&
        flush(context, deadline_ms) == ANSWERED &&
        read_reply(context, deadline_ms, &reply) == ANSWERED) {
        err = redis_reply_err(reply) ? ERR_REDIS_REFUSED : ERR_OK;
    }
    if (err == ERR_REDIS_REFUSED) {
        log_limited(
            LOG_ERROR, "redis refused the log-in", "command=%s reply=\"%s\"", name, reply->str);
    }
    if (reply) {
        freeReplyObject(reply);
    }
    return err;
}

static enum err log_in(const struct redis_url *url, redisContext *context, int64_t deadline_ms)
{
    char db[16];
    enum err err;

    if (url->password[0]) {
        const char *with_user[] = {"AUTH", url->user, url->password};
        const char *without[] = {"AUTH", url->password};

        err = log_in_step(
            context, url->user[0] ? 3 : 2, url->user[0] ? with_user : without, "AUTH", deadline_ms);
        if (err) {
            return err;
        }
    }
    if (url->db == 0) {
        return ERR_OK;
    }
    snprintf(db, sizeof(db), "%d", url->db);
    return log_in_step(context, 2, (const char *[]){"SELECT", db}, "SELECT", deadline_ms);
}

static bool is_connected(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
}

static enum err open_connection(struct redis_sync *r)
{
    const struct redis_url *url = &r->url;
    int64_t deadline_ms = clock_mono_ms() + r->config->redis_connect_timeout_ms;

    r->context = url->path[0] ? redisConnectUnixNonBlock(url->path)
                              : redisConnectNonBlock(url->host, url->port);
    if (!r->context) {
        return ERR_NO_MEMORY;
    }
    if (r->context->err || !wait_until(r->context->fd, POLLOUT, deadline_ms) ||
        !is_connected(r->context->fd)) {
        return ERR_REDIS_DOWN;
    }
    return log_in(url, r->context, deadline_ms);
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
    enum err err = open_connection(r);

    if (err) {
        after_failure(r, err);
        return err;
    }
    if (r->failure) {
        log_info("redis is back", "");
    }
    r->failure = ERR_OK;
    r->pause_ms = r->config->redis_retry_min_ms;
    return ERR_OK;
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

static enum err append(redisContext *context, const struct command *c, bool as_eval)
{
    const char *argv[COMMAND_ARGS_MAX];
    size_t lens[COMMAND_ARGS_MAX];
    int argc = command_argv(c, as_eval, argv, lens);

    return redisAppendCommandArgv(context, argc, argv, lens) == REDIS_OK ? ERR_OK : ERR_NO_MEMORY;
}

/* Sends each command that has no reply yet, and reads their replies. */
static enum outcome exchange(redisContext *context, const struct command *commands, size_t count,
    bool as_eval, int64_t deadline_ms, redisReply **replies)
{
    enum outcome outcome;

    for (size_t i = 0; i < count; i++) {
        if (!replies[i] && append(context, &commands[i], as_eval)) {
            return NO_MEMORY;
        }
    }
    outcome = flush(context, deadline_ms);
    for (size_t i = 0; i < count && outcome == ANSWERED; i++) {
        if (!replies[i]) {
            outcome = read_reply(context, deadline_ms, &replies[i]);
        }
    }
    return outcome;
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

static enum outcome run_pipeline(
    struct redis_sync *r, const struct command *commands, size_t count, redisReply **replies)
{
    int64_t deadline_ms = clock_mono_ms() + r->config->redis_command_timeout_ms;
    enum outcome outcome = exchange(r->context, commands, count, false, deadline_ms, replies);

    if (outcome == ANSWERED && drop_noscript(commands, count, replies)) {
        outcome = exchange(r->context, commands, count, true, deadline_ms, replies);
    }
    return outcome;
}

static enum err after_outcome(struct redis_sync *r, enum outcome outcome)
{
    switch (outcome) {
    case ANSWERED:
        r->was_used = true;
        return ERR_OK;
    case TIMED_OUT:
        after_failure(r, ERR_REDIS_DOWN);
        return ERR_REDIS_DOWN;
    case BROKEN:
        /* No pause: whether Redis is away shows when the next call connects. */
        disconnect(r);
        return ERR_REDIS_DOWN;
    case NO_MEMORY:
        disconnect(r);
        return ERR_NO_MEMORY;
    }
    return ERR_INTERNAL;
}

/* The first error among the replies. */
static enum err check_replies(struct redis_sync *r, redisReply *const *replies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum err err = redis_reply_err(replies[i]);

        if (err) {
            log_limited(LOG_ERROR, "redis answered an error", "reply=\"%s\"", replies[i]->str);
        }
        if (err == ERR_REDIS_REFUSED) {
            /* Another server may stand behind the address by now. */
            disconnect(r);
        }
        if (err) {
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
    enum outcome outcome;
    enum err err;

    memset(replies, 0, count * sizeof(*replies));
    if ((err = check_commands(commands, count)) || (err = ensure_connected(r))) {
        return err;
    }
    outcome = run_pipeline(r, commands, count, replies);
    if (outcome == BROKEN && repeatable && r->was_used && count > 0 && !replies[0]) {
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
