/*
 * Reads entries without trusting their shape.
 */
#include "wsctl/stream_reply.h"

#include <stdio.h>

#include "shared/limits.h"

/* An entry without a body was deleted while it was pending: done with. */
static void decode_fields(const struct redisReply *fields, struct queue_message *m)
{
    struct reply_reader r = reply_reader_of(fields);

    if (redis_reply_is_nil(fields)) {
        fate_set(&m->fate, VERDICT_SENT, 0, "deleted");
        return;
    }
    fate_set(&m->fate, VERDICT_DEAD, 0, "the entry has no field " STREAM_BODY_FIELD);
    while (reply_has_next(&r)) {
        struct slice name = reply_next_text(&r);
        struct slice value = reply_next_text(&r);
        if (slice_equal(name, STREAM_BODY_FIELD)) {
            buf_add(&m->body, value.at, value.len);
            fate_set(&m->fate, VERDICT_AGAIN, 0, "%s", "");
            break;
        }
    }
    if (buf_err(&m->body)) {
        fate_set(&m->fate, VERDICT_DEAD, err_code(buf_err(&m->body)), "the entry is too large");
    }
}

/* {{id, {field, value, …}}, …} */
static enum err decode_entries(const struct redisReply *list, const char *stream,
    struct queue_message *out, size_t max, size_t *count)
{
    struct reply_reader entries = reply_reader_of(list);
    char space[QUEUE_NAME_BYTES_MAX + 2];

    snprintf(space, sizeof(space), "%s/", stream);
    while (reply_has_next(&entries) && *count < max) {
        struct reply_reader entry = reply_reader_of(reply_next(&entries));
        struct message_id id = reply_next_id(&entry);
        const struct redisReply *fields = reply_next(&entry);

        enum err err = reply_reader_err(&entry);
        if (err) {
            return err;
        }
        struct queue_message *m = &out[(*count)++];
        message_id_format(id, m->entry);
        queue_message_set_id(m, space, slice_of(m->entry));
        decode_fields(fields, m);
    }
    return reply_reader_err(&entries);
}

/* {{stream, entries}}, or nil where there was nothing. */
enum err stream_reply_read(const struct redisReply *reply, const char *stream,
    struct queue_message *out, size_t max, size_t *count)
{
    if (redis_reply_is_nil(reply)) {
        return ERR_OK;
    }
    struct reply_reader streams = reply_reader_of(reply);
    struct reply_reader pair = reply_reader_of(reply_next(&streams));
    (void)reply_next_text(&pair);
    const struct redisReply *entries = reply_next(&pair);

    enum err err = reply_reader_err(&pair);
    return err ? err : decode_entries(entries, stream, out, max, count);
}

/* {next, entries, {deleted, …}} */
enum err stream_reply_claim(const struct redisReply *reply, const char *stream,
    struct queue_message *out, size_t max, size_t *count, struct message_id *next)
{
    struct reply_reader r = reply_reader_of(reply);
    struct message_id goes_on_at = reply_next_id(&r);
    const struct redisReply *entries = reply_next(&r);

    enum err err = reply_reader_err(&r);
    if (!err) {
        err = decode_entries(entries, stream, out, max, count);
    }
    if (!err) {
        *next = goes_on_at;
    }
    return err;
}
