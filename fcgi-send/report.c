/*
 * Tells the caller of a send what became of the message, session by session.
 */
#include "fcgi-send/report.h"

#include <inttypes.h>
#include <string.h>

static void add_flag(struct buf *out, const char *name, bool value)
{
    buf_addf(out, "\"%s\":%s,", name, value ? "true" : "false");
}

static void add_text(struct buf *out, const char *name, const char *value)
{
    buf_addf(out, "\"%s\":", name);
    buf_add_json_string(out, value, strlen(value));
    buf_add_char(out, ',');
}

static void encode_session(const struct delivery *d, struct buf *out)
{
    char key[ADDRESS_KEY_BYTES];

    buf_add_char(out, '{');
    add_text(out, "sessionId", d->entry->session_id);
    add_text(out, "key", address_format_key(&d->entry->address, key));
    add_text(out, "node", d->entry->node_id);
    buf_addf(out, "\"status\":\"%s\"", delivery_status_text(d->status));
    if (d->idle_ms >= 0) {
        buf_addf(out, ",\"idleMs\":%" PRId64, d->idle_ms);
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
    buf_addf(out, "\"matched\":%zu,\"delivered\":%zu,\"acked\":%zu,", matched,
        with[DELIVERY_WRITTEN] + with[DELIVERY_ACKED], with[DELIVERY_ACKED]);
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

void report_encode(
    const struct inbox_sent *sent, const struct delivery *deliveries, size_t count, struct buf *out)
{
    char id[MESSAGE_ID_BYTES];

    buf_add_char(out, '{');
    if (sent->stored) {
        add_text(out, "id", message_id_format(sent->id, id));
    }
    add_flag(out, "stored", sent->stored);
    add_flag(out, "duplicate", sent->duplicate);
    encode_counts(deliveries, count, out);
    encode_sessions(deliveries, count, out);
    buf_add_char(out, '}');
}
