/*
 * The command of lua/send.lua, and the decoding of its reply. Users and groups differ in their
 * keys, and in what stands for each of their entries.
 */
#include "shared/message_send.h"

#include <stdlib.h>

#include "shared/redis_reply.h"
#include "shared/schema.h"
#include "shared/topics.h"

static bool is_group(const struct target *t)
{
    return t->group[0] != '\0';
}

static void add_excluded(struct command *c, const struct message *m)
{
    struct buf *list = command_begin(c);

    for (size_t i = 0; i < m->exclude_count; i++) {
        buf_addf(list, "%s ", m->exclude[i]);
    }
    command_end(c);
}

static void add_item(struct command *c, const struct message_item *item)
{
    const struct message *m = item->message;
    char narrowing[NARROWING_BYTES];

    target_format_narrowing(&m->target, narrowing, sizeof(narrowing));
    command_add_int(c, m->durable);
    command_add(c, buf_str(&m->payload), m->durable ? m->payload.len : 0);
    command_add_str(c, narrowing);
    command_add_int(c, m->ttl_s * 1000);
    command_add_str(c, m->message_id[0] ? item->hash : "");
    add_excluded(c, m);
}

static int count_message_ids(const struct message_send *s)
{
    int count = 0;

    for (size_t i = 0; i < s->count; i++) {
        count += s->items[i].message->message_id[0] != '\0';
    }
    return count;
}

static void add_sent_key(struct command *c, const char *prefix, const struct message *m)
{
    if (is_group(&m->target)) {
        schema_add_topic_sent(c, prefix, m->target.group, m->message_id);
    } else {
        schema_add_sent(c, prefix, m->target.user_id, m->message_id);
    }
}

static void start(struct command *c, const char *prefix, const struct message_send *s)
{
    const struct target *to = &s->items[0].message->target;
    int message_ids = count_message_ids(s);

    if (is_group(to)) {
        command_start_script(c, &script_send, 2 + message_ids);
        schema_add_topic(c, prefix, to->group);
        schema_add_topic_log(c, prefix, to->group);
    } else {
        command_start_script(c, &script_send, 3 + message_ids);
        schema_add_registry(c, prefix, to->user_id);
        schema_add_inbox(c, prefix, to->user_id);
        schema_add_read(c, prefix, to->user_id);
    }
    for (size_t i = 0; message_ids > 0 && i < s->count; i++) {
        if (s->items[i].message->message_id[0]) {
            add_sent_key(c, prefix, s->items[i].message);
        }
    }
}

void message_send_command(struct command *c, const char *prefix, const struct message_send *s)
{
    start(c, prefix, s);
    command_add_int(c, s->max_messages);
    command_add_int(c, s->ttl_ms);
    command_add_int(c, s->idempotency_window_ms);
    command_add_int(c, s->looks_up);
    command_add_int(c, !is_group(&s->items[0].message->target));
    for (size_t i = 0; i < s->count; i++) {
        add_item(c, &s->items[i]);
    }
}

enum err message_send_decode(const struct redisReply *reply, int64_t now_wall_ms,
    const struct target *to, size_t count, struct message_sent *out)
{
    struct reply_reader r = reply_reader_of(reply);
    struct message_sent *last = &out[count - 1];

    for (size_t i = 0; i < count; i++) {
        out[i] = (struct message_sent){.conflict = reply_next_int(&r) != 0};
        out[i].duplicate = reply_next_int(&r) != 0;
        out[i].stored = reply_next_int(&r) != 0;
        out[i].id = reply_next_id(&r);
        out[i].prev_id = reply_next_id(&r);
    }
    if (reply_reader_err(&r)) {
        return ERR_INTERNAL;
    }
    return is_group(to) ? topics_nodes_decode(
                              reply_next(&r), now_wall_ms, &last->entries, &last->entry_count)
                        : registry_entries_decode(
                              reply_next(&r), now_wall_ms, &last->entries, &last->entry_count);
}

void message_sent_finish(struct message_sent *s)
{
    free(s->entries);
}
