/*
 * Tells the caller what became of a message for a group, node by node, and forgets it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi-send/broadcast.h"

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

static void add_node(
    const struct delivery *node, const struct broadcast_answer *answer, struct buf *out)
{
    buf_add_str(out, "{\"node\":");
    buf_add_json_string(out, node->entry->node_id, strlen(node->entry->node_id));
    buf_addf(out, ",\"status\":\"%s\",",
        answer->answered ? "answered" : delivery_status_text(node->status));
    add_counts(&answer->counts, out);
    buf_add_char(out, '}');
}

static struct envelope_counts sum(const struct broadcast *b)
{
    struct envelope_counts total = {{0}};

    for (size_t i = 0; i < b->count; i++) {
        for (int status = 0; status < DELIVERY_STATUS_COUNT; status++) {
            total.with[status] += b->answers[i].counts.with[status];
        }
    }
    return total;
}

void broadcast_report(const struct broadcast *b, struct buf *out)
{
    struct envelope_counts total = sum(b);
    char id[MESSAGE_ID_BYTES];

    buf_add_char(out, '{');
    if (b->sent.stored) {
        buf_addf(out, "\"id\":\"%s\",", message_id_format(b->sent.id, id));
    }
    buf_addf(out, "\"stored\":%s,\"duplicate\":%s,\"online\":%s,",
        b->sent.stored ? "true" : "false", b->sent.duplicate ? "true" : "false",
        envelope_counts_matched(&total) > 0 ? "true" : "false");
    buf_addf(out, "\"delivered\":%" PRId64 ",",
        total.with[DELIVERY_WRITTEN] + total.with[DELIVERY_ACKED]);
    add_counts(&total, out);
    buf_add_str(out, ",\"nodes\":[");
    for (size_t i = 0; i < b->count; i++) {
        buf_add_str(out, i ? "," : "");
        add_node(&b->nodes[i], &b->answers[i], out);
    }
    buf_add_str(out, "]}");
}

void broadcast_finish(struct broadcast *b)
{
    free(b->nodes);
    free(b->answers);
    topics_sent_finish(&b->sent);
}
