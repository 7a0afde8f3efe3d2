/*
 * GET /status: what became of an earlier message, by its id or by the caller's messageId.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi-send/pipeline.h"
#include "fcgi-send/query.h"
#include "fcgi-send/routes.h"
#include "shared/clock.h"
#include "shared/history.h"

struct asked {
    const struct auth_key *caller;                    /* borrowed */
    struct target place;                              /* only its userId */
    char message_id[CLIENT_MESSAGE_ID_BYTES_MAX + 1]; /* "": by id */
    struct message_id id;                             /* {0,0}: a message that was never stored */
    int64_t window_ms;                                /* how long messageId is still remembered */
};

static enum err read_name(const struct query *q, struct asked *out, struct problem *p)
{
    const char *message_id = query_find(q, "messageId");
    const char *id = query_find(q, "id");

    if (!message_id == !id) {
        return problem_set(p, message_id ? ERR_BAD_VALUE : ERR_MISSING_FIELD, "messageId",
            "exactly one of messageId and id is needed");
    }
    if (id) {
        return query_message_id(q, "id", &out->id, p);
    }
    enum err err = address_check_message_id(slice_of(message_id), "messageId", p);
    if (!err) {
        snprintf(out->message_id, sizeof(out->message_id), "%s", message_id);
    }
    return err;
}

static enum err read_query(const struct request *req, struct asked *out, struct problem *p)
{
    static const char *const names[] = {"userId", "messageId", "id", NULL};
    struct query query;
    enum err err = query_read(req->query, names, NULL, &query, p);

    if (err) {
        return err;
    }
    *out = (struct asked){.caller = req->caller};
    err = query_target(&query, &out->place, p);
    if (!err) {
        err = read_name(&query, out, p);
    }
    query_finish(&query);
    return err;
}

/* messageId -> id, by what is remembered of it. */
static enum err resolve(struct worker *w, struct asked *a)
{
    const char *prefix = w->service->config->redis_prefix;
    struct pipeline pipeline;
    bool is_known = false;
    enum err err = pipeline_init(&pipeline, 2);

    if (err) {
        return err;
    }
    history_sent_command(pipeline_add(&pipeline), prefix, a->place.user_id, a->message_id);
    history_sent_ttl_command(pipeline_add(&pipeline), prefix, a->place.user_id, a->message_id);
    if (!(err = pipeline_run(&pipeline, w->redis, true)) &&
        !(err = history_sent_decode(pipeline.replies[0], &is_known, &a->id))) {
        err = history_sent_ttl_decode(pipeline.replies[1], &a->window_ms);
    }
    pipeline_finish(&pipeline);
    return !err && !is_known ? ERR_UNKNOWN_MESSAGE : err;
}

/* A limited key is told of what was narrowed to its own serverClients, and of nothing else. */
static bool may_see(const struct auth_key *caller, struct slice narrowing)
{
    const char *colon = memchr(narrowing.at, ':', narrowing.len);
    size_t len = colon ? (size_t)(colon - narrowing.at) : narrowing.len;

    return auth_key_reaches(caller, (struct slice){narrowing.at, len});
}

/* Leaves only those that the caller may see; returns how many. */
static size_t hide_others(
    const struct auth_key *caller, struct history_cursor *cursors, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (may_see(caller, cursors[i].narrowing)) {
            cursors[kept++] = cursors[i];
        }
    }
    return kept;
}

/* The key of one more member. */
static void encode_narrowing(const struct history_cursor *cursor, bool is_first, struct buf *out)
{
    if (!is_first) {
        buf_add_char(out, ',');
    }
    buf_add_json_string(out, cursor->narrowing.at, cursor->narrowing.len);
    buf_add_char(out, ':');
}

/* Per narrowing: up to where has a session that messages so narrowed are for acknowledged, and is
 * that this message or a later one? */
static void encode_read(
    const struct history_cursor *cursors, size_t count, struct message_id id, struct buf *out)
{
    char text[MESSAGE_ID_BYTES];

    buf_add_str(out, "\"read\":{");
    for (size_t i = 0; i < count; i++) {
        encode_narrowing(&cursors[i], i == 0, out);
        buf_add_str(out, message_id_compare(cursors[i].id, id) >= 0 ? "true" : "false");
    }
    buf_add_str(out, "},\"readUpTo\":{");
    for (size_t i = 0; i < count; i++) {
        encode_narrowing(&cursors[i], i == 0, out);
        buf_addf(out, "\"%s\"", message_id_format(cursors[i].id, text));
    }
    buf_add_char(out, '}');
}

/* entry: NULL where the inbox no longer holds it. */
static void encode_stored(const struct history_entry *entry, struct buf *out)
{
    buf_addf(out, "\"stored\":%s,", entry ? "true" : "false");
    if (entry) {
        buf_add_str(out, "\"to\":");
        buf_add_json_string(out, entry->narrowing.at, entry->narrowing.len);
        buf_add_char(out, ',');
    }
    if (entry && entry->expires_ms > 0 && entry->expires_ms <= clock_wall_ms()) {
        buf_add_str(out, "\"expired\":true,");
    }
}

static enum err encode(const struct asked *a, const struct redisReply *entry_reply,
    const struct redisReply *cursors_reply, struct buf *out)
{
    struct history_entry *entries;
    struct history_cursor *cursors;
    size_t entry_count;
    size_t cursor_count;
    bool is_limited = a->caller->server_clients != NULL;
    char id[MESSAGE_ID_BYTES];
    enum err err = history_entries_decode(entry_reply, &entries, &entry_count);

    if (err) {
        return err;
    }
    if (entry_count > 0 ? !may_see(a->caller, entries[0].narrowing)
                        : is_limited || !a->message_id[0]) {
        err = ERR_UNKNOWN_MESSAGE;
        goto out;
    }
    err = history_cursors_decode(cursors_reply, &cursors, &cursor_count);
    if (err) {
        goto out;
    }
    cursor_count = hide_others(a->caller, cursors, cursor_count);
    buf_addf(out, "{\"id\":\"%s\",", message_id_format(a->id, id));
    encode_stored(entry_count > 0 ? &entries[0] : NULL, out);
    if (a->message_id[0]) {
        buf_addf(out, "\"duplicateWindowMs\":%" PRId64 ",", a->window_ms);
    }
    encode_read(cursors, cursor_count, a->id, out);
    buf_add_char(out, '}');
    free(cursors);
out:
    free(entries);
    return err;
}

enum err status_serve(
    struct worker *w, const struct request *req, struct response *res, struct problem *p)
{
    const char *prefix = w->service->config->redis_prefix;
    struct pipeline pipeline;
    struct asked asked;
    enum err err = read_query(req, &asked, p);

    if (err || (asked.message_id[0] && (err = resolve(w, &asked)))) {
        return err;
    }
    if (asked.message_id[0] && message_id_is_zero(asked.id)) {
        if (asked.caller->server_clients) {
            return ERR_UNKNOWN_MESSAGE; /* whose it was is not known */
        }
        buf_addf(
            &res->data, "{\"stored\":false,\"duplicateWindowMs\":%" PRId64 "}", asked.window_ms);
        return ERR_OK;
    }
    err = pipeline_init(&pipeline, 2);
    if (err) {
        return err;
    }
    history_entry_command(pipeline_add(&pipeline), prefix, asked.place.user_id, asked.id);
    history_cursors_command(pipeline_add(&pipeline), prefix, asked.place.user_id);
    err = pipeline_run(&pipeline, w->redis, true);
    if (!err) {
        err = encode(&asked, pipeline.replies[0], pipeline.replies[1], &res->data);
    }
    pipeline_finish(&pipeline);
    return err;
}
