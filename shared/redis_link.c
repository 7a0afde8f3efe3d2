/*
 * hiredis is used without its own blocking mode, whose time-outs count per read and not per call:
 * here poll(2) waits until a deadline, and hiredis reads and writes what is there.
 */
#include "shared/redis_link.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "shared/redis_reply.h"

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

static enum redis_outcome flush(redisContext *context, int64_t deadline_ms)
{
    int done = 0;

    while (!done) {
        if (!wait_until(context->fd, POLLOUT, deadline_ms)) {
            return REDIS_LINK_TIMED_OUT;
        }
        if (redisBufferWrite(context, &done) != REDIS_OK) {
            return REDIS_LINK_BROKEN;
        }
    }
    return REDIS_LINK_ANSWERED;
}

static enum redis_outcome read_reply(redisContext *context, int64_t deadline_ms, redisReply **reply)
{
    void *found = NULL;

    for (;;) {
        if (redisGetReplyFromReader(context, &found) != REDIS_OK) {
            return REDIS_LINK_BROKEN;
        }
        if (found) {
            *reply = found;
            return REDIS_LINK_ANSWERED;
        }
        if (!wait_until(context->fd, POLLIN, deadline_ms)) {
            return REDIS_LINK_TIMED_OUT;
        }
        if (redisBufferRead(context) != REDIS_OK) {
            return REDIS_LINK_BROKEN;
        }
    }
}

/* Any error reply to the log-in means that Redis does not want us. */
static enum err log_in_err(const redisReply *reply, const char *command)
{
    if (!redis_reply_err(reply)) {
        return ERR_OK;
    }
    log_limited(
        LOG_ERROR, "redis refused the log-in", "command=%s reply=\"%s\"", command, reply->str);
    return ERR_REDIS_REFUSED;
}

/* Runs one command of the log-in. */
static enum err log_in_step(redisContext *context, int argc, const char **argv, int64_t deadline_ms)
{
    redisReply *reply = NULL;
    enum err err;

    if (redisAppendCommandArgv(context, argc, argv, NULL) != REDIS_OK ||
        flush(context, deadline_ms) != REDIS_LINK_ANSWERED ||
        read_reply(context, deadline_ms, &reply) != REDIS_LINK_ANSWERED) {
        return ERR_REDIS_DOWN;
    }
    err = log_in_err(reply, argv[0]);
    freeReplyObject(reply);
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
            context, url->user[0] ? 3 : 2, url->user[0] ? with_user : without, deadline_ms);
        if (err) {
            return err;
        }
    }
    if (url->db == 0) {
        return ERR_OK;
    }
    snprintf(db, sizeof(db), "%d", url->db);
    return log_in_step(context, 2, (const char *[]){"SELECT", db}, deadline_ms);
}

static bool is_connected(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
}

static enum err establish(const struct redis_url *url, redisContext *context, int64_t deadline_ms)
{
    if (context->err || !wait_until(context->fd, POLLOUT, deadline_ms) ||
        !is_connected(context->fd)) {
        return ERR_REDIS_DOWN;
    }
    return log_in(url, context, deadline_ms);
}

enum err redis_link_open(
    const struct redis_url *url, int64_t deadline_ms, struct redisContext **out)
{
    redisContext *context = url->path[0] ? redisConnectUnixNonBlock(url->path)
                                         : redisConnectNonBlock(url->host, url->port);
    enum err err;

    if (!context) {
        return ERR_NO_MEMORY;
    }
    err = establish(url, context, deadline_ms);
    if (err) {
        redisFree(context);
        return err;
    }
    *out = context;
    return ERR_OK;
}

static enum err append(redisContext *context, const struct command *c, bool as_eval)
{
    const char *argv[COMMAND_ARGS_MAX];
    size_t lens[COMMAND_ARGS_MAX];
    int argc = command_argv(c, as_eval, argv, lens);

    return redisAppendCommandArgv(context, argc, argv, lens) == REDIS_OK ? ERR_OK : ERR_NO_MEMORY;
}

enum redis_outcome redis_link_exchange(redisContext *context, const struct command *commands,
    size_t count, bool as_eval, int64_t deadline_ms, redisReply **replies)
{
    enum redis_outcome outcome;

    for (size_t i = 0; i < count; i++) {
        if (!replies[i] && append(context, &commands[i], as_eval)) {
            return REDIS_LINK_NO_MEMORY;
        }
    }
    outcome = flush(context, deadline_ms);
    for (size_t i = 0; i < count && outcome == REDIS_LINK_ANSWERED; i++) {
        if (!replies[i]) {
            outcome = read_reply(context, deadline_ms, &replies[i]);
        }
    }
    return outcome;
}
