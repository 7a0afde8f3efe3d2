/*
 * Reads Redis' replies without trusting their shape, and sorts error replies.
 */
#include "shared/redis_reply.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

/* First words of errors with which Redis refuses a command that it could run at another time. */
static const char *const refusals[] = {"READONLY", "LOADING", "CLUSTERDOWN", "MASTERDOWN", "OOM",
    "NOREPLICAS", "UNBLOCKED", "NOAUTH", "WRONGPASS", "NOPERM", "MISCONF", "BUSY", "TRYAGAIN",
    "MOVED", "ASK"};

static bool starts_with_word(const struct redisReply *reply, const char *word)
{
    size_t len = strlen(word);

    return reply->len >= len && memcmp(reply->str, word, len) == 0 &&
           (reply->len == len || reply->str[len] == ' ');
}

enum err redis_reply_err(const struct redisReply *reply)
{
    if (!reply) {
        return ERR_INTERNAL;
    }
    if (reply->type != REDIS_REPLY_ERROR) {
        return ERR_OK;
    }
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        if (starts_with_word(reply, refusals[i])) {
            return ERR_REDIS_REFUSED;
        }
    }
    return ERR_INTERNAL;
}

enum log_level redis_error_level(enum err err)
{
    return err == ERR_REDIS_REFUSED ? LOG_WARN : LOG_ERROR;
}

bool redis_reply_is_noscript(const struct redisReply *reply)
{
    return reply && reply->type == REDIS_REPLY_ERROR && starts_with_word(reply, "NOSCRIPT");
}

struct slice redis_reply_text(const struct redisReply *reply)
{
    if (!reply || (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)) {
        return (struct slice){NULL, 0};
    }
    return (struct slice){reply->str, reply->len};
}

enum err redis_reply_int(const struct redisReply *reply, int64_t *out)
{
    if (!reply || reply->type != REDIS_REPLY_INTEGER) {
        return ERR_INTERNAL;
    }
    *out = reply->integer;
    return ERR_OK;
}

bool redis_reply_is_nil(const struct redisReply *reply)
{
    return reply && reply->type == REDIS_REPLY_NIL;
}

static bool copy_text(struct redisReply *copy, const struct redisReply *reply)
{
    copy->str = malloc(reply->len + 1);
    if (!copy->str) {
        return false;
    }
    memcpy(copy->str, reply->str, reply->len + 1); /* hiredis terminates them */
    copy->len = reply->len;
    return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): hiredis lets no reply be deeper than seven arrays */
struct redisReply *redis_reply_copy(const struct redisReply *reply)
{
    struct redisReply *copy = calloc(1, sizeof(*copy));

    if (!copy) {
        return NULL;
    }
    copy->type = reply->type;
    copy->integer = reply->integer;
    bool is_whole = !reply->str || copy_text(copy, reply);
    if (is_whole && reply->type == REDIS_REPLY_ARRAY) {
        copy->elements = reply->elements;
        copy->element = calloc(reply->elements + 1, sizeof(struct redisReply *));
        is_whole = copy->element != NULL;
    }
    for (size_t i = 0; is_whole && i < copy->elements; i++) {
        copy->element[i] = redis_reply_copy(reply->element[i]);
        is_whole = copy->element[i] != NULL;
    }
    if (!is_whole) {
        freeReplyObject(copy);
        return NULL;
    }
    return copy;
}

struct reply_reader reply_reader_of(const struct redisReply *reply)
{
    bool is_array = reply && reply->type == REDIS_REPLY_ARRAY;

    return (struct reply_reader){.array = is_array ? reply : NULL, .broken = !is_array};
}

size_t reply_length(const struct reply_reader *r)
{
    return r->broken ? 0 : r->array->elements;
}

bool reply_has_next(const struct reply_reader *r)
{
    return !r->broken && r->at < r->array->elements;
}

const struct redisReply *reply_next(struct reply_reader *r)
{
    if (!reply_has_next(r)) {
        r->broken = true;
        return NULL;
    }
    return r->array->element[r->at++];
}

int64_t reply_next_int(struct reply_reader *r)
{
    const struct redisReply *reply = reply_next(r);

    if (!reply || reply->type != REDIS_REPLY_INTEGER) {
        r->broken = true;
        return 0;
    }
    return reply->integer;
}

struct slice reply_next_text(struct reply_reader *r)
{
    struct slice text = redis_reply_text(reply_next(r));

    if (!text.at) {
        r->broken = true;
        return slice_of("");
    }
    return text;
}

struct message_id reply_next_id(struct reply_reader *r)
{
    struct message_id id = {0, 0};

    if (message_id_parse(reply_next_text(r), &id)) {
        r->broken = true;
    }
    return id;
}

enum err reply_reader_err(const struct reply_reader *r)
{
    return r->broken ? ERR_INTERNAL : ERR_OK;
}
