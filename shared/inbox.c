/*
 * The inbox's commands and the decoding of their replies. What must be atomic is in the scripts
 * (lua/send.lua, fetch.lua, ack.lua); nothing here talks to Redis.
 */
#include "shared/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "shared/redis_reply.h"
#include "shared/registry_entry.h"
#include "shared/schema.h"

static void add_id(struct command *c, struct message_id id)
{
    char text[MESSAGE_ID_BYTES];

    command_add_str(c, message_id_format(id, text));
}

/* "pc", then "pc:home": the narrowings of a session besides "*". */
static void add_narrowings(struct command *c, const struct address *a)
{
    command_add_str(c, a->server_client);
    buf_addf(command_begin(c), "%s:%s", a->server_client, a->page);
    command_end(c);
}

static void add_excluded(struct command *c, const struct message *m)
{
    struct buf *list = command_begin(c);

    for (size_t i = 0; i < m->exclude_count; i++) {
        buf_addf(list, "%s ", m->exclude[i]);
    }
    command_end(c);
}

static void add_item(struct command *c, const struct inbox_item *item)
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

static int count_message_ids(const struct inbox_send *s)
{
    int count = 0;

    for (size_t i = 0; i < s->count; i++) {
        count += s->items[i].message->message_id[0] != '\0';
    }
    return count;
}

void inbox_send_command(struct command *c, const char *prefix, const struct inbox_send *s)
{
    const char *user_id = s->items[0].message->target.user_id;

    command_start_script(c, &script_send, 3 + count_message_ids(s));
    schema_add_registry(c, prefix, user_id);
    schema_add_inbox(c, prefix, user_id);
    schema_add_read(c, prefix, user_id);
    for (size_t i = 0; i < s->count; i++) {
        if (s->items[i].message->message_id[0]) {
            schema_add_sent(c, prefix, user_id, s->items[i].message->message_id);
        }
    }
    command_add_int(c, s->max_messages);
    command_add_int(c, s->ttl_ms);
    command_add_int(c, s->idempotency_window_ms);
    command_add_int(c, s->looks_up);
    for (size_t i = 0; i < s->count; i++) {
        add_item(c, &s->items[i]);
    }
}

enum err inbox_send_decode(
    const struct redisReply *reply, int64_t now_wall_ms, size_t count, struct message_sent *out)
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
    return registry_entries_decode(reply_next(&r), now_wall_ms, &last->entries, &last->entry_count);
}

void inbox_fetch_command(struct command *c, const char *prefix, const struct inbox_fetch *f)
{
    command_start_script(c, &script_fetch, 2);
    schema_add_inbox(c, prefix, f->address->user_id);
    schema_add_registry(c, prefix, f->address->user_id);
    add_id(c, f->after);
    add_narrowings(c, f->address);
    command_add_int(c, f->cursors.filter);
    for (int i = 0; i < INBOX_CLASSES; i++) {
        add_id(c, f->cursors.at[i]);
    }
    inbox_add_limits(c, &f->limits);
    command_add_str(c, f->session_id);
    command_add_int(c, f->expects);
    command_add_int(c, f->touch_ms);
}

void inbox_add_limits(struct command *c, const struct inbox_limits *l)
{
    command_add_int(c, l->entries);
    command_add_int(c, l->bytes);
}

enum err inbox_fetch_decode(const struct redisReply *reply, struct inbox_fetched *out)
{
    struct reply_reader r = reply_reader_of(reply);
    struct inbox_fetched fetched = {.gap = reply_next_int(&r) != 0};
    enum err err = inbox_page_read(&r, &fetched.page);

    if (!err) {
        *out = fetched;
    }
    return err;
}

/* How many entries {id, payload, …} holds, and how many bytes of payload. Breaks r if it is not so.
 */
static void measure_entries(struct reply_reader *r, size_t *count, size_t *bytes)
{
    *count = 0;
    *bytes = 0;
    while (reply_has_next(r)) {
        reply_next_id(r);
        *bytes += reply_next_text(r).len;
        ++*count;
    }
}

/* The reply is Redis' to free: the payloads move into one block of the page's own. */
static enum err copy_entries(const struct redisReply *reply, struct inbox_page *page)
{
    struct reply_reader r = reply_reader_of(reply);
    size_t count;
    size_t bytes;
    char *at;

    measure_entries(&r, &count, &bytes);
    if (reply_reader_err(&r)) {
        return ERR_INTERNAL;
    }
    page->entries = calloc(count + 1, sizeof(*page->entries));
    page->bytes = malloc(bytes + 1);
    if (!page->entries || !page->bytes) {
        inbox_page_finish(page);
        return ERR_NO_MEMORY;
    }
    at = page->bytes;
    for (r = reply_reader_of(reply); reply_has_next(&r); page->count++) {
        struct inbox_entry *entry = &page->entries[page->count];
        struct slice payload;

        entry->id = reply_next_id(&r);
        payload = reply_next_text(&r);
        memcpy(at, payload.at, payload.len);
        entry->payload = (struct slice){at, payload.len};
        at += payload.len;
    }
    return ERR_OK;
}

enum err inbox_page_read(struct reply_reader *r, struct inbox_page *out)
{
    const struct redisReply *entries = reply_next(r);
    struct inbox_page page = {0};

    page.last = reply_next_id(r);
    page.more = reply_next_int(r) != 0;
    page.skipped = reply_next_id(r);
    page.excepted = reply_next_int(r) != 0;
    if (reply_reader_err(r)) {
        return ERR_INTERNAL;
    }
    enum err err = copy_entries(entries, &page);
    if (!err) {
        *out = page;
    }
    return err;
}

void inbox_page_finish(struct inbox_page *p)
{
    free(p->entries);
    free(p->bytes);
}

void inbox_ack_command(struct command *c, const char *prefix, const struct inbox_ack *a)
{
    command_start_script(c, &script_ack, 1);
    schema_add_read(c, prefix, a->address->user_id);
    add_id(c, a->id);
    command_add_int(c, a->ttl_ms);
    command_add_int(c, !a->was_excepted);
    command_add_str(c, "*");
    add_narrowings(c, a->address);
}
