/*
 * The inbox's commands and the decoding of their replies. What must be atomic is in the scripts
 * (lua/fetch.lua, ack.lua); nothing here talks to Redis.
 */
#include "shared/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "shared/redis_reply.h"
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
