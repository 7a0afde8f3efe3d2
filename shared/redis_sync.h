/*
 * A blocking connection to Redis for one thread of fcgi-send: connects when needed, AUTH and SELECT, deadlines, reconnect with back-off.
 * hiredis leaves a context unusable after any time-out (LIBRARIES: T29), so every failure closes the connection.
 */
#ifndef SHARED_REDIS_SYNC_H
#define SHARED_REDIS_SYNC_H

#include "shared/command.h"
#include "shared/option.h"

struct redisReply;
struct redis_sync;

enum err redis_sync_create(const struct config *config, struct redis_sync **out, struct problem *p) MUST_CHECK; /* does not connect yet; ERR_BAD_VALUE (url), ERR_NO_MEMORY */
void redis_sync_destroy(struct redis_sync *r);
/*
 * Sends all commands in one write and waits for all replies, at most redis.command_timeout in all (connecting included: plus connect_timeout).
 * NOSCRIPT is answered by EVAL. replies: count pointers, owned by the caller on ERR_OK (redis_sync_free_replies).
 * ERR_REDIS_DOWN (unreachable, timed out, or in the pause after a failure), ERR_REDIS_REFUSED (a reply is READONLY, LOADING, CLUSTERDOWN, MASTERDOWN, OOM,
 * NOREPLICAS, NOAUTH, NOPERM, MISCONF), ERR_INTERNAL (any other error reply). A connection on which a write timed out is closed: whether the commands ran is unknown; an idle
 * connection found dead before anything was answered is replaced and the pipeline sent once more only if `repeatable`.
 */
enum err redis_sync_run(struct redis_sync *r, const struct command *commands, size_t count, bool repeatable, struct redisReply **replies) MUST_CHECK;
void redis_sync_free_replies(struct redisReply **replies, size_t count);
/* enum err of an error reply as above, ERR_OK for any other reply. Also used by redis_async. */
enum err redis_reply_err(const struct redisReply *reply);

#endif
