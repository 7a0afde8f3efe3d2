/*
 * Redis for one thread of fcgi-send, blocking: one server, the master that sentinels name, or a
 * cluster. Connects when needed, AUTH and SELECT, deadlines, reconnect with back-off. The program
 * must ignore SIGPIPE (hiredis writes with write(2)).
 */
#ifndef SHARED_REDIS_SYNC_H
#define SHARED_REDIS_SYNC_H

#include "shared/command.h"
#include "shared/config.h"
#include "shared/err.h"
#include "shared/redis_reply.h"

struct redisReply;
struct redis_sync;

/* Does not connect yet. config is borrowed for the connection's life. ERR_BAD_VALUE (url),
 * ERR_NO_MEMORY. */
enum err redis_sync_create(
    const struct config *config, struct redis_sync **out, struct problem *p) MUST_CHECK;
void redis_sync_destroy(struct redis_sync *r); /* NULL is fine */

/*
 * Sends all commands, each to the server that has its key, and waits for all replies, at most
 * redis.command_timeout (and redis.connect_timeout for each new connection). NOSCRIPT is answered
 * by EVAL, and a cluster's MOVED, ASK and TRYAGAIN are followed: such commands run after the others
 * of the pipeline, in order. So that scripts keep theirs, the first of several calls of a script
 * goes as EVAL at once, and after it the server knows it. replies: count pointers, the caller's on
 * ERR_OK (redis_sync_free_replies).
 *
 * ERR_REDIS_DOWN      unreachable, timed out or lost: some server of those that were needed, or
 *                     whoever knows where it is
 * ERR_REDIS_REFUSED   a reply, or the one to AUTH or SELECT, is an error by which Redis refuses
 * ERR_INTERNAL        any other error reply (redis_reply_err())
 * ERR_NO_MEMORY, ERR_BODY_TOO_LARGE   of a command (command_err()): nothing was sent
 *
 * After a connection failed there is a pause (redis.retry_min, doubling to redis.retry_max, with
 * jitter); within it the same error is returned at once. When a connection is lost after the
 * commands were written, it is unknown whether they ran. They are sent once more only if
 * `repeatable`, and only if the connection was idle before and broke (not: timed out) before
 * anything was answered.
 */
enum err redis_sync_run(struct redis_sync *r, const struct command *commands, size_t count,
    bool repeatable, struct redisReply **replies) MUST_CHECK;
void redis_sync_free_replies(struct redisReply **replies, size_t count);

/* What became of one command of a pipeline. */
struct redis_fate {
    enum err err; /* as above, of this command alone; ERR_OK: there is a reply */
    bool late;    /* it was redirected, or sent again: it ran after the others */
    int place;    /* commands with the same one ran on the same server */
};
/*
 * The same, where one command may fail and the others not: all that can be had is had. replies and
 * fates: count each; the replies are the caller's.
 */
void redis_sync_run_each(struct redis_sync *r, const struct command *commands, size_t count,
    bool repeatable, struct redisReply **replies, struct redis_fate *fates);

/* Commands for the same place go to the same server, as far as is known by now. -1: nobody has the
 * key. */
int redis_sync_place(const struct redis_sync *r, const struct command *c);

#endif
