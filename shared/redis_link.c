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

static enum err log_in(
    redisContext *context, const struct redis_login *login, int db, int64_t deadline_ms)
{
    char number[16];
    enum err err;

    if (login->password[0]) {
        const char *with_user[] = {"AUTH", login->user, login->password};
        const char *without[] = {"AUTH", login->password};

        err = log_in_step(
            context, login->user[0] ? 3 : 2, login->user[0] ? with_user : without, deadline_ms);
        if (err) {
            return err;
        }
    }
    if (db == 0) {
        return ERR_OK;
    }
    snprintf(number, sizeof(number), "%d", db);
    return log_in_step(context, 2, (const char *[]){"SELECT", number}, deadline_ms);
}

static bool is_connected(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
}

enum err redis_link_open(const struct redis_place *place, const struct redis_login *login, int db,
    int64_t deadline_ms, struct redisContext **out)
{
    redisContext *context = place->path[0] ? redisConnectUnixNonBlock(place->path)
                                           : redisConnectNonBlock(place->host, place->port);

    if (!context) {
        return ERR_NO_MEMORY;
    }
    bool connected =
        !context->err && wait_until(context->fd, POLLOUT, deadline_ms) && is_connected(context->fd);
    enum err err = connected ? log_in(context, login, db, deadline_ms) : ERR_REDIS_DOWN;
    if (err) {
        redisFree(context);
        return err;
    }
    *out = context;
    return ERR_OK;
}

static bool is_open(const struct redis_call *call, int place)
{
    return call->place == place && !call->reply && !call->err;
}

static bool append(redisContext *context, const struct redis_call *call)
{
    const char *argv[COMMAND_ARGS_MAX];
    size_t lens[COMMAND_ARGS_MAX];
    int argc = command_argv(call->command, call->as_eval, argv, lens);

    if (call->asking && redisAppendCommand(context, "ASKING") != REDIS_OK) {
        return false;
    }
    return redisAppendCommandArgv(context, argc, argv, lens) == REDIS_OK;
}

enum redis_outcome redis_link_send(redisContext *context, const struct redis_call *calls,
    size_t count, int place, int64_t deadline_ms)
{
    for (size_t i = 0; i < count; i++) {
        if (is_open(&calls[i], place) && !append(context, &calls[i])) {
            return REDIS_LINK_NO_MEMORY;
        }
    }
    return flush(context, deadline_ms);
}

enum redis_outcome redis_link_receive(
    redisContext *context, struct redis_call *calls, size_t count, int place, int64_t deadline_ms)
{
    enum redis_outcome outcome = REDIS_LINK_ANSWERED;
    redisReply *asked = NULL;

    for (size_t i = 0; i < count && outcome == REDIS_LINK_ANSWERED; i++) {
        struct redis_call *call = &calls[i];

        if (!is_open(call, place)) {
            continue;
        }
        if (call->asking) {
            outcome = read_reply(context, deadline_ms, &asked);
            freeReplyObject(asked);
            asked = NULL;
        }
        if (outcome == REDIS_LINK_ANSWERED) {
            outcome = read_reply(context, deadline_ms, &call->reply);
        }
    }
    return outcome;
}
