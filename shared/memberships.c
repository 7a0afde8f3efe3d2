/*
 * The commands of memberships and the decoding of their replies.
 */
#include "shared/memberships.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/parse.h"
#include "shared/redis_reply.h"
#include "shared/registry_entry.h"
#include "shared/schema.h"

void memberships_finish(struct memberships *m)
{
    free(m->items);
}

void memberships_command(struct command *c, const char *prefix, const char *user_id)
{
    command_add_str(c, "HGETALL");
    schema_add_memberships(c, prefix, user_id);
}

static bool decode_item(struct slice field, struct membership *out)
{
    const char *space = memchr(field.at, ' ', field.len);
    size_t len = space ? (size_t)(space - field.at) : 0;
    struct slice topic = {field.at + len + 1, space ? field.len - len - 1 : 0};

    if (len == 0 || len >= sizeof(out->narrowing) || address_check_topic(topic, "", NULL)) {
        return false;
    }
    snprintf(out->narrowing, sizeof(out->narrowing), "%.*s", (int)len, field.at);
    snprintf(out->topic, sizeof(out->topic), "%.*s", (int)topic.len, topic.at);
    return true;
}

enum err memberships_decode(const struct redisReply *reply, struct memberships *out)
{
    struct reply_reader r = reply_reader_of(reply);
    struct memberships m = {.items = calloc(reply_length(&r) / 2 + 1, sizeof(*m.items))};
    uint64_t version;

    if (!m.items) {
        return ERR_NO_MEMORY;
    }
    while (reply_has_next(&r)) {
        struct slice field = reply_next_text(&r);
        struct slice value = reply_next_text(&r);

        if (slice_equal(field, "version") && !parse_u64(value, INT64_MAX, &version)) {
            m.version = (int64_t)version;
        } else if (!r.broken && decode_item(field, &m.items[m.count])) {
            m.count++;
        }
    }
    if (reply_reader_err(&r)) {
        memberships_finish(&m);
        return ERR_INTERNAL;
    }
    *out = m;
    return ERR_OK;
}

bool membership_is_for(const struct membership *m, const struct address *a)
{
    char page[NARROWING_BYTES];

    snprintf(page, sizeof(page), "%s:%s", a->server_client, a->page);
    return strcmp(m->narrowing, "*") == 0 || strcmp(m->narrowing, a->server_client) == 0 ||
           strcmp(m->narrowing, page) == 0;
}

void memberships_change_command(
    struct command *c, const char *prefix, const struct memberships_change *change, int64_t max)
{
    char narrowing[NARROWING_BYTES];

    target_format_narrowing(&change->target, narrowing, sizeof(narrowing));
    command_start_script(c, &script_subscribe, 2);
    schema_add_memberships(c, prefix, change->target.user_id);
    schema_add_registry(c, prefix, change->target.user_id);
    command_add_int(c, change->adds);
    command_add_str(c, narrowing);
    command_add_int(c, max);
    struct buf *list = command_begin(c);
    for (size_t i = 0; i < change->count; i++) {
        buf_addf(list, "%s ", change->topics[i]);
    }
    command_end(c);
}

enum err memberships_change_decode(
    const struct redisReply *reply, int64_t now_wall_ms, struct memberships_changed *out)
{
    struct reply_reader r = reply_reader_of(reply);
    struct memberships_changed changed = {.too_many = reply_next_int(&r) != 0};

    changed.changed = reply_next_int(&r);
    changed.total = reply_next_int(&r);
    enum err err = registry_entries_decode(
        reply_next(&r), now_wall_ms, &changed.sessions, &changed.session_count);
    if (err) {
        return err;
    }
    if (reply_reader_err(&r)) {
        free(changed.sessions);
        return ERR_INTERNAL;
    }
    *out = changed;
    return ERR_OK;
}
