/*
 * GET /history: the messages that a user's inbox still holds, page by page.
 */
#include "shared/history.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-send/pipeline.h"
#include "fcgi-send/query.h"
#include "fcgi-send/routes.h"
#include "shared/clock.h"
#include "shared/json.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 1000
/* A page ends early rather than grow beyond it. */
#define PAGE_BYTES_MAX (4 * 1024 * 1024)

struct asked {
    struct target place;
    struct history_range range; /* its user_id is borrowed from place */
};

static enum err read_order(const struct query *q, bool *newest_first, struct problem *p)
{
    const char *order = query_find(q, "order");

    if (order && strcmp(order, "asc") != 0 && strcmp(order, "desc") != 0) {
        return problem_set(p, ERR_BAD_VALUE, "order", "order must be asc or desc");
    }
    *newest_first = order && strcmp(order, "desc") == 0;
    return ERR_OK;
}

static enum err read_query(const struct request *req, struct asked *out, struct problem *p)
{
    static const char *const names[] = {
        "userId", "serverClient", "page", "after", "before", "limit", "order", NULL};
    struct history_range *range = &out->range;
    struct query query;
    enum err err = query_read(req->query, names, NULL, &query, p);

    if (err) {
        return err;
    }
    *range = (struct history_range){
        .user_id = out->place.user_id, .before = MESSAGE_ID_MAX, .limit = LIMIT_DEFAULT};
    if (!(err = query_target(&query, &out->place, p)) &&
        !(err = query_message_id(&query, "after", &range->after, p)) &&
        !(err = query_message_id(&query, "before", &range->before, p)) &&
        !(err = query_int(&query, "limit", 1, LIMIT_MAX, &range->limit, p))) {
        err = read_order(&query, &range->newest_first, p);
    }
    query_finish(&query);
    return err;
}

/* What the inbox holds may have been written by anyone: what is no JSON is not passed on. */
static void encode_entry(const struct history_entry *e, int64_t now_ms, struct buf *out)
{
    char id[MESSAGE_ID_BYTES];
    bool is_json = e->payload.len > 0 && !json_check(e->payload, NULL, NULL);

    buf_addf(out, "{\"id\":\"%s\",\"message\":", message_id_format(e->id, id));
    if (is_json) {
        buf_add(out, e->payload.at, e->payload.len);
    } else {
        buf_add_str(out, "null");
    }
    buf_add_str(out, ",\"to\":");
    buf_add_json_string(out, e->narrowing.at, e->narrowing.len);
    if (e->expires_ms > 0 && e->expires_ms <= now_ms) {
        buf_add_str(out, ",\"expired\":true");
    }
    buf_add_char(out, '}');
}

/* entries: one more than the limit, if there are more. A page may hold fewer than the limit, even
 * none, and yet have a next one: where entries are for other places. */
static void encode_page(
    const struct asked *asked, const struct history_entry *entries, size_t count, struct buf *out)
{
    int64_t now_ms = clock_wall_ms();
    char next[MESSAGE_ID_BYTES];
    bool is_first = true;
    size_t i;

    buf_add_str(out, "{\"messages\":[");
    for (i = 0; i < count && i < (size_t)asked->range.limit && out->len < PAGE_BYTES_MAX; i++) {
        if (!history_is_for(entries[i].narrowing, &asked->place)) {
            continue;
        }
        if (!is_first) {
            buf_add_char(out, ',');
        }
        encode_entry(&entries[i], now_ms, out);
        is_first = false;
    }
    buf_add_char(out, ']');
    if (i < count) {
        buf_addf(out, ",\"next\":\"%s\"", message_id_format(entries[i - 1].id, next));
    }
    buf_add_char(out, '}');
}

enum err history_serve(
    struct worker *w, const struct request *req, struct response *res, struct problem *p)
{
    struct history_entry *entries;
    struct pipeline pipeline;
    struct asked asked;
    size_t count;
    enum err err = read_query(req, &asked, p);

    if (!err) {
        err = auth_check_reach(req->caller, asked.place.server_client, p);
    }
    if (!err && history_range_is_empty(&asked.range)) {
        encode_page(&asked, NULL, 0, &res->data);
        return ERR_OK;
    }
    if (err || (err = pipeline_init(&pipeline, 1))) {
        return err;
    }
    struct history_range range = asked.range;
    range.limit++; /* to see whether there are more */
    history_range_command(pipeline_add(&pipeline), w->service->config->redis_prefix, &range);
    err = pipeline_run(&pipeline, w->redis, true);
    if (!err) {
        err = history_entries_decode(pipeline.replies[0], &entries, &count);
    }
    if (!err) {
        encode_page(&asked, entries, count, &res->data);
        free(entries);
    }
    pipeline_finish(&pipeline);
    return err;
}
