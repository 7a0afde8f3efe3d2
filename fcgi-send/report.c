/*
 * Tells the caller of a send what became of the messages, session by session.
 */
#include "fcgi-send/report.h"

#include <stdint.h>
#include <string.h>

#include "fcgi-send/response.h"

/* So many sessions are listed one by one, about 15 MB; where there are more, the counts must do. */
#define LISTED_SESSIONS_MAX ENVELOPE_SESSIONS_MAX

static void add_name(struct buf *out, const char *name)
{
    buf_add_char(out, '"');
    buf_add_str(out, name);
    buf_add_str(out, "\":");
}

static void add_number(struct buf *out, const char *name, size_t value)
{
    add_name(out, name);
    buf_add_u64(out, value);
    buf_add_char(out, ',');
}

static void add_flag(struct buf *out, const char *name, bool value)
{
    add_name(out, name);
    buf_add_str(out, value ? "true," : "false,");
}

static void encode_session(const struct delivery *d, struct buf *out)
{
    char key[ADDRESS_KEY_BYTES];

    buf_add_char(out, '{');
    buf_add_json_member(out, "sessionId", d->entry->session_id);
    buf_add_json_member(out, "key", address_format_key(&d->entry->address, key));
    buf_add_json_member(out, "node", d->entry->node_id);
    add_name(out, "status");
    buf_add_char(out, '"');
    buf_add_str(out, delivery_status_text(d->status));
    buf_add_char(out, '"');
    if (d->idle_ms >= 0) {
        buf_add_str(out, ",\"idleMs\":");
        buf_add_u64(out, (uint64_t)d->idle_ms);
    }
    buf_add_char(out, '}');
}

/* A session that turned out to be gone was not there when the message came, so it does not count;
 * one that came later is there, but was not meant. */
static void encode_counts(const struct delivery *deliveries, size_t count, struct buf *out)
{
    size_t with[DELIVERY_STATUS_COUNT] = {0};

    for (size_t i = 0; i < count; i++) {
        with[deliveries[i].status]++;
    }
    size_t live = count - with[DELIVERY_GONE];
    size_t matched = live - with[DELIVERY_PASSED];
    add_flag(out, "online", live > 0);
    add_number(out, "matched", matched);
    add_number(out, "delivered", with[DELIVERY_WRITTEN] + with[DELIVERY_ACKED]);
    add_number(out, "acked", with[DELIVERY_ACKED]);
}

static void encode_sessions(const struct delivery *deliveries, size_t count, struct buf *out)
{
    const char *separator = "";

    buf_add_str(out, "\"sessions\":[");
    for (size_t i = 0; i < count; i++) {
        if (deliveries[i].status != DELIVERY_PASSED) {
            buf_add_str(out, separator);
            encode_session(&deliveries[i], out);
            separator = ",";
        }
    }
    buf_add_char(out, ']');
}

static void encode_sending(const struct sending *s, bool lists_sessions, struct buf *out)
{
    char id[MESSAGE_ID_BYTES];

    if (s->message.target.group[0]) {
        report_group(s, out);
        return;
    }
    buf_add_char(out, '{');
    if (s->sent.stored) {
        buf_add_json_member(out, "id", message_id_format(s->sent.id, id));
    }
    add_flag(out, "stored", s->sent.stored);
    add_flag(out, "duplicate", s->sent.duplicate);
    encode_counts(s->deliveries, s->delivery_count, out);
    encode_sessions(s->deliveries, lists_sessions ? s->delivery_count : 0, out);
    buf_add_char(out, '}');
}

static size_t count_failed(const struct batch *b)
{
    size_t failed = 0;

    for (size_t i = 0; i < b->count; i++) {
        failed += b->sendings[i].problem.err != ERR_OK;
    }
    return failed;
}

/* Each as a single send would have been answered. */
static void encode_list(const struct batch *b, bool lists_sessions, struct buf *out)
{
    size_t failed = count_failed(b);

    buf_addf(out, "{\"sent\":%zu,\"failed\":%zu,\"messages\":[", b->count - failed, failed);
    for (size_t i = 0; i < b->count; i++) {
        const struct sending *s = &b->sendings[i];

        buf_add_str(out, i > 0 ? "," : "");
        if (s->problem.err) {
            response_encode_problem(&s->problem, out);
            continue;
        }
        buf_add_str(out, RESPONSE_OK);
        encode_sending(s, lists_sessions, out);
        buf_add_char(out, '}');
    }
    buf_add_str(out, "]}");
}

void report_encode(const struct batch *b, struct buf *out)
{
    bool lists_sessions = b->delivery_count <= LISTED_SESSIONS_MAX;

    if (b->is_list) {
        encode_list(b, lists_sessions, out);
    } else {
        encode_sending(&b->sendings[0], lists_sessions, out);
    }
}
