/*
 * Keeps messages in lines, hands them to the sink as it has room, and tells sessions of the end.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "wsnode/upstream_state.h"

/* Messages whose time is over, told per tick. */
#define LATE_PER_TICK 1000
/* boot, a hyphen, 20 digits and the NUL */
#define MESSAGE_NUMBER_BYTES (BOOT_ID_BYTES + 21)

static const struct upstream_sink *const sinks[] = {
    [UPSTREAM_TO_STREAM] = &upstream_stream,
    [UPSTREAM_TO_HOOK] = &upstream_hook,
};

static struct slice to_of(const struct upstream_item *i)
{
    return (struct slice){i->bytes, i->to_len};
}

static struct slice ref_of(const struct upstream_item *i)
{
    return (struct slice){i->bytes + i->to_len, i->ref_len};
}

static struct slice text_of(const struct upstream_item *i)
{
    return (struct slice){i->bytes + i->to_len + i->ref_len, i->text_len};
}

static const char *format_id(const struct node *n, uint64_t number, char out[MESSAGE_NUMBER_BYTES])
{
    (void)snprintf(out, MESSAGE_NUMBER_BYTES, "%s-%" PRIu64, n->boot, number);
    return out;
}

static void tell(struct node *n, const char *session_id, const struct session_upstream *outcome)
{
    struct session *s = session_table_find(&n->table, session_id);

    if (outcome->err) {
        node_stat_add(upstream_failed, 1);
    } else {
        node_stat_add(upstream_taken, 1);
    }
    if (s && s->state != SESSION_CLOSING) {
        session_after_upstream(n, s, outcome);
    }
}

/* The item is out of its line. */
static void end_item(struct node *n, struct upstream_item *item, enum err err, struct slice reply)
{
    const struct session_upstream outcome = {
        .err = err, .ref = ref_of(item), .text = text_of(item), .reply = reply};

    tell(n, item->session_id, &outcome);
    free(item);
}

static void settle(struct node *n, struct upstream_item *item, const struct upstream_result *result)
{
    struct lines *lines = &n->upstream->lines;

    if (!result->err || result->is_final) {
        lines_finish(lines, &item->item);
        end_item(n, item, result->err, result->reply);
        return;
    }
    node_stat_add(upstream_retries, 1);
    log_limited(LOG_WARN, "a client's message is not taken yet", "session=%s why=\"%s\"",
        item->session_id, err_text(result->err));
    if (!lines_retry(lines, &item->item, clock_mono_ms())) {
        end_item(n, item, result->err, result->reply);
    }
}

static void send_one(struct node *n, struct upstream_item *item, int64_t now_ms)
{
    char id[MESSAGE_NUMBER_BYTES];
    const struct upstream_message message = {.id = format_id(n, item->number, id),
        .session_id = item->session_id,
        .node_id = n->id,
        .address = item->address,
        .time_ms = item->time_ms,
        .to = to_of(item),
        .ref = ref_of(item),
        .text = text_of(item),
        .is_json = item->is_json};

    item->sent_ms = now_ms;
    enum err err = n->upstream->sink->send(n, item, &message);
    if (err) {
        settle(n, item, &(struct upstream_result){.err = err});
    }
}

static void send_waiting(struct node *n, int64_t now_ms)
{
    struct upstream *u = n->upstream;
    struct line_item *item;

    while (!u->stopped && u->sink->is_free(n) && (item = lines_start(&u->lines))) {
        send_one(n, (struct upstream_item *)item, now_ms);
    }
}

void upstream_after_send(
    struct node *n, struct upstream_item *item, const struct upstream_result *result)
{
    settle(n, item, result);
    send_waiting(n, clock_mono_ms());
}

static struct upstream_item *item_create(const struct session *s, const struct format_event *e)
{
    size_t len = e->to.len + e->ref.len + e->text.len;
    struct upstream_item *i = calloc(1, sizeof(*i) + len + 1);
    char *at;

    if (!i) {
        return NULL;
    }
    memcpy(i->session_id, s->id, sizeof(i->session_id));
    session_table_address(s, &i->address);
    i->time_ms = clock_wall_ms();
    i->is_json = e->is_json;
    i->to_len = e->to.len;
    i->ref_len = e->ref.len;
    i->text_len = e->text.len;
    at = i->bytes;
    const struct slice parts[] = {e->to, e->ref, e->text};
    for (size_t part = 0; part < sizeof(parts) / sizeof(parts[0]); part++) {
        if (parts[part].len > 0) {
            memcpy(at, parts[part].at, parts[part].len);
            at += parts[part].len;
        }
    }
    return i;
}

static void take_into_log(struct node *n, struct session *s, const struct format_event *e)
{
    char id[MESSAGE_NUMBER_BYTES];
    struct address address;
    char key[ADDRESS_KEY_BYTES];

    session_table_address(s, &address);
    log_info("message from a client", "id=%s session=%s key=\"%s\" bytes=%zu",
        format_id(n, ++n->upstream->number, id), s->id, address_format_key(&address, key),
        e->text.len);
    tell(n, s->id, &(struct session_upstream){.ref = e->ref, .text = e->text});
}

enum err upstream_take(struct node *n, struct session *s, const struct format_event *event)
{
    struct upstream *u = n->upstream;
    int64_t now_ms = clock_mono_ms();

    if (!u->sink) {
        take_into_log(n, s, event);
        return ERR_OK;
    }
    struct upstream_item *item = item_create(s, event);
    if (!item) {
        return ERR_NO_MEMORY;
    }
    size_t bytes = sizeof(*item) + item->to_len + item->ref_len + item->text_len;
    enum err err = lines_add(&u->lines, s->id, &item->item, bytes, now_ms);
    if (err) {
        node_stat_add(upstream_full, 1);
        free(item);
        return err;
    }
    item->number = ++u->number;
    send_waiting(n, now_ms);
    return ERR_OK;
}

enum err upstream_create(struct node *n)
{
    const struct config *config = n->config;
    const struct lines_limits limits = {.items_per_line = config->upstream_session_max,
        .bytes = (size_t)config->upstream_queue_max_bytes,
        .give_up_ms = config->upstream_give_up_ms};

    if (config->upstream_to == UPSTREAM_TO_NONE) {
        return ERR_OK;
    }
    struct upstream *u = calloc(1, sizeof(*u));
    if (!u) {
        return ERR_NO_MEMORY;
    }
    n->upstream = u;
    lines_init(&u->lines, &limits);
    if (config->upstream_to == UPSTREAM_TO_LOG) {
        return ERR_OK;
    }
    u->sink = sinks[config->upstream_to];
    return u->sink->create(n);
}

void upstream_stop(struct node *n)
{
    struct upstream *u = n->upstream;

    if (u && u->sink) {
        u->stopped = true;
        u->sink->stop(n);
    }
}

void upstream_destroy(struct node *n)
{
    struct upstream *u = n->upstream;
    struct line_item *item;

    if (!u) {
        return;
    }
    while ((item = lines_take_any(&u->lines))) {
        free(item);
    }
    if (u->sink) {
        u->sink->destroy(n);
    }
    free(u);
    n->upstream = NULL;
}

void upstream_on_redis_ready(struct node *n)
{
    if (n->upstream && n->upstream->sink == &upstream_stream) {
        lines_wake(&n->upstream->lines);
        send_waiting(n, clock_mono_ms());
    }
}

static void give_up_late(struct node *n, int64_t now_ms)
{
    struct line_item *item;

    for (int i = 0; i < LATE_PER_TICK; i++) {
        item = lines_take_late(&n->upstream->lines, now_ms);
        if (!item) {
            return;
        }
        end_item(n, (struct upstream_item *)item, n->upstream->sink->late, slice_of(""));
    }
}

void upstream_on_tick(struct node *n, int64_t now_ms)
{
    struct upstream *u = n->upstream;

    if (!u || !u->sink) {
        return;
    }
    lines_on_tick(&u->lines, now_ms);
    give_up_late(n, now_ms);
    send_waiting(n, now_ms);
    node_stat_set(upstream_waiting, u->lines.count);
}

int64_t upstream_pending_count(const struct node *n)
{
    return n->upstream ? n->upstream->lines.count : 0;
}
