/*
 * Reading Redis' replies. They are foreign bytes: another version of a script or somebody's
 * redis-cli may have made them, so a reader takes any shape and says at its end whether all was as
 * expected.
 */
#ifndef SHARED_REDIS_REPLY_H
#define SHARED_REDIS_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/id.h"
#include "shared/log.h"

struct redisReply;

/*
 * What an error reply means; ERR_OK for any other reply. ERR_REDIS_REFUSED: READONLY, LOADING,
 * CLUSTERDOWN, MASTERDOWN, OOM, NOREPLICAS, UNBLOCKED (a WAIT on what became a replica), NOAUTH,
 * WRONGPASS, NOPERM, MISCONF, BUSY, TRYAGAIN, MOVED, ASK: it may work later or elsewhere.
 * ERR_INTERNAL: any other error, and NULL.
 */
enum err redis_reply_err(const struct redisReply *reply) MUST_CHECK;
/* How loud to be about it: refusals are part of every failover. */
enum log_level redis_error_level(enum err err);
bool redis_reply_is_noscript(const struct redisReply *reply);

/* A string's or a status' bytes; at == NULL for any other reply. Borrowed. */
struct slice redis_reply_text(const struct redisReply *reply);
/* An integer reply's value; ERR_INTERNAL for any other reply. */
enum err redis_reply_int(const struct redisReply *reply, int64_t *out) MUST_CHECK;
bool redis_reply_is_nil(const struct redisReply *reply);
/* A reply of the caller's own, for freeReplyObject(). NULL: no memory. */
struct redisReply *redis_reply_copy(const struct redisReply *reply);

/*
 * Reads the elements of an array one after another. A wrong type or a missing element breaks the
 * reader; from then on it gives zeros, so that a decoder checks once, at its end. All that it gives
 * is borrowed.
 */
struct reply_reader {
    const struct redisReply *array;
    size_t at;
    bool broken;
};
struct reply_reader reply_reader_of(const struct redisReply *reply); /* broken if it is no array */
size_t reply_length(const struct reply_reader *r); /* elements in all; 0 when broken */
bool reply_has_next(const struct reply_reader *r);
int64_t reply_next_int(struct reply_reader *r);
struct slice reply_next_text(struct reply_reader *r);        /* "" when broken */
struct message_id reply_next_id(struct reply_reader *r);     /* "<ms>-<n>" */
const struct redisReply *reply_next(struct reply_reader *r); /* of any type; NULL when broken */
enum err reply_reader_err(const struct reply_reader *r) MUST_CHECK; /* ERR_INTERNAL when broken */

#endif
