/*
 * The commands that look back into an inbox, and the decoding of their replies. Nothing here talks
 * to Redis.
 */
#include "shared/history.h"

#include <stdlib.h>
#include <string.h>

#include "shared/parse.h"
#include "shared/redis_reply.h"
#include "shared/schema.h"

bool history_range_is_empty(const struct history_range *r)
{
    return message_id_compare(r->after, r->before) >= 0;
}

/* One end of a range; the place itself is left out. */
static void add_end(struct command *c, struct message_id id)
{
    char text[MESSAGE_ID_BYTES];

    buf_addf(command_begin(c), "(%s", message_id_format(id, text));
    command_end(c);
}

void history_range_command(struct command *c, const char *prefix, const struct history_range *r)
{
    command_add_str(c, r->newest_first ? "XREVRANGE" : "XRANGE");
    schema_add_inbox(c, prefix, r->user_id);
    add_end(c, r->newest_first ? r->before : r->after);
    add_end(c, r->newest_first ? r->after : r->before);
    command_add_str(c, "COUNT");
    command_add_int(c, r->limit);
}

void history_entry_command(
    struct command *c, const char *prefix, const char *user_id, struct message_id id)
{
    char text[MESSAGE_ID_BYTES];

    command_add_str(c, "XRANGE");
    schema_add_inbox(c, prefix, user_id);
    command_add_str(c, message_id_format(id, text));
    command_add_str(c, text);
}

/* m, to and x of lua/send.lua. An expiry that is no number is none. */
static void take_field(struct history_entry *e, struct slice name, struct slice value)
{
    uint64_t expires_ms;

    if (slice_equal(name, "m")) {
        e->payload = value;
    } else if (slice_equal(name, "to")) {
        e->narrowing = value;
    } else if (slice_equal(name, "x") && !parse_u64(value, INT64_MAX, &expires_ms)) {
        e->expires_ms = (int64_t)expires_ms;
    }
}

static enum err decode_entry(const struct redisReply *reply, struct history_entry *out)
{
    struct reply_reader r = reply_reader_of(reply);
    struct history_entry entry = {.narrowing = slice_of("*"), .id = reply_next_id(&r)};
    struct reply_reader fields = reply_reader_of(reply_next(&r));

    while (reply_has_next(&fields)) {
        struct slice name = reply_next_text(&fields);

        take_field(&entry, name, reply_next_text(&fields));
    }
    if (reply_reader_err(&r) || reply_reader_err(&fields)) {
        return ERR_INTERNAL;
    }
    *out = entry;
    return ERR_OK;
}

enum err history_entries_decode(
    const struct redisReply *reply, struct history_entry **out, size_t *count)
{
    struct reply_reader r = reply_reader_of(reply);
    struct history_entry *entries = calloc(reply_length(&r) + 1, sizeof(*entries));
    size_t found = 0;

    if (!entries) {
        return ERR_NO_MEMORY;
    }
    while (reply_has_next(&r)) {
        if (decode_entry(reply_next(&r), &entries[found])) {
            r.broken = true;
        }
        found++;
    }
    if (reply_reader_err(&r)) {
        free(entries);
        return ERR_INTERNAL;
    }
    *out = entries;
    *count = found;
    return ERR_OK;
}

bool history_is_for(struct slice narrowing, const struct target *t)
{
    size_t len = strlen(t->server_client);

    if (len == 0 || slice_equal(narrowing, "*") || slice_equal(narrowing, t->server_client)) {
        return true;
    }
    if (narrowing.len <= len || memcmp(narrowing.at, t->server_client, len) != 0 ||
        narrowing.at[len] != ':') {
        return false;
    }
    struct slice page = {narrowing.at + len + 1, narrowing.len - len - 1};
    return !t->page[0] || slice_equal(page, t->page);
}

void history_unread_command(struct command *c, const char *prefix, const struct target *t)
{
    command_start_script(c, &script_unread, 2);
    schema_add_inbox(c, prefix, t->user_id);
    schema_add_read(c, prefix, t->user_id);
    command_add_str(c, t->server_client);
    command_add_str(c, t->page);
}

enum err history_unread_decode(const struct redisReply *reply, int64_t *out)
{
    return redis_reply_int(reply, out);
}

void history_cursors_command(struct command *c, const char *prefix, const char *user_id)
{
    command_add_str(c, "HGETALL");
    schema_add_read(c, prefix, user_id);
}

enum err history_cursors_decode(
    const struct redisReply *reply, struct history_cursor **out, size_t *count)
{
    struct reply_reader r = reply_reader_of(reply);
    struct history_cursor *cursors = calloc(reply_length(&r) / 2 + 1, sizeof(*cursors));
    size_t found = 0;

    if (!cursors) {
        return ERR_NO_MEMORY;
    }
    while (reply_has_next(&r)) {
        struct slice narrowing = reply_next_text(&r);
        struct message_id id = reply_next_id(&r);

        /* Other fields are two words: lua/entries.lua. */
        if (!r.broken && !memchr(narrowing.at, ' ', narrowing.len)) {
            cursors[found++] = (struct history_cursor){narrowing, id};
        }
    }
    if (reply_reader_err(&r)) {
        free(cursors);
        return ERR_INTERNAL;
    }
    *out = cursors;
    *count = found;
    return ERR_OK;
}

void history_sent_command(
    struct command *c, const char *prefix, const char *user_id, const char *message_id)
{
    command_add_str(c, "GET");
    schema_add_sent(c, prefix, user_id, message_id);
}

void history_sent_ttl_command(
    struct command *c, const char *prefix, const char *user_id, const char *message_id)
{
    command_add_str(c, "PTTL");
    schema_add_sent(c, prefix, user_id, message_id);
}

enum err history_sent_decode(const struct redisReply *reply, bool *found, struct message_id *id)
{
    struct slice record = redis_reply_text(reply);

    if (redis_reply_is_nil(reply)) {
        *found = false;
        return ERR_OK;
    }
    const char *space = record.at ? memchr(record.at, ' ', record.len) : NULL;
    if (!space || message_id_parse((struct slice){record.at, (size_t)(space - record.at)}, id)) {
        return ERR_INTERNAL;
    }
    *found = true;
    return ERR_OK;
}

/* PTTL says -2 for a key that is gone: it may have expired between the two commands. */
enum err history_sent_ttl_decode(const struct redisReply *reply, int64_t *left_ms)
{
    int64_t ttl_ms;
    enum err err = redis_reply_int(reply, &ttl_ms);

    if (!err) {
        *left_ms = ttl_ms > 0 ? ttl_ms : 0;
    }
    return err;
}
