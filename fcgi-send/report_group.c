/*
 * Tells the caller what became of a message for a group, node by node.
 */
#include <inttypes.h>
#include <string.h>

#include "fcgi-send/report.h"

static const enum delivery_status statuses[] = {
    DELIVERY_QUEUED, DELIVERY_WRITTEN, DELIVERY_ACKED, DELIVERY_REJECTED};

static void add_counts(const struct envelope_counts *counts, struct buf *out)
{
    buf_addf(out, "\"matched\":%" PRId64, envelope_counts_matched(counts));
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        buf_addf(
            out, ",\"%s\":%" PRId64, delivery_status_text(statuses[i]), counts->with[statuses[i]]);
    }
}

static void add_node(const struct delivery *node, struct buf *out)
{
    bool answered = node->status == DELIVERY_ACKED;

    buf_add_str(out, "{\"node\":");
    buf_add_json_string(out, node->entry->node_id, strlen(node->entry->node_id));
    buf_addf(
        out, ",\"status\":\"%s\",", answered ? "answered" : delivery_status_text(node->status));
    add_counts(node->counts, out);
    buf_add_char(out, '}');
}

static struct envelope_counts sum(const struct sending *s)
{
    struct envelope_counts total = {{0}};

    for (size_t i = 0; i < s->delivery_count; i++) {
        for (int status = 0; status < DELIVERY_STATUS_COUNT; status++) {
            total.with[status] += s->deliveries[i].counts->with[status];
        }
    }
    return total;
}

void report_group(const struct sending *s, struct buf *out)
{
    struct envelope_counts total = sum(s);
    char id[MESSAGE_ID_BYTES];

    buf_add_char(out, '{');
    if (s->sent.stored) {
        buf_addf(out, "\"id\":\"%s\",", message_id_format(s->sent.id, id));
    }
    buf_addf(out, "\"stored\":%s,\"duplicate\":%s,\"online\":%s,",
        s->sent.stored ? "true" : "false", s->sent.duplicate ? "true" : "false",
        envelope_counts_matched(&total) > 0 ? "true" : "false");
    buf_addf(out, "\"delivered\":%" PRId64 ",",
        total.with[DELIVERY_WRITTEN] + total.with[DELIVERY_ACKED]);
    add_counts(&total, out);
    buf_add_str(out, ",\"nodes\":[");
    for (size_t i = 0; i < s->delivery_count; i++) {
        buf_add_str(out, i ? "," : "");
        add_node(&s->deliveries[i], out);
    }
    buf_add_str(out, "]}");
}
