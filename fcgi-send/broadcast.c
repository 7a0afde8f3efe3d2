/*
 * Finds the nodes of a group and forwards to them. Nodes are deliveries here, as a user's sessions
 * are in lookup.c.
 */
#include "fcgi-send/broadcast.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-send/ghosts.h"
#include "fcgi-send/hints.h"
#include "fcgi-send/outcome.h"
#include "fcgi-send/pipeline.h"
#include "fcgi-send/stats.h"
#include "shared/clock.h"
#include "shared/redis_reply.h"

static enum err store_and_find(struct worker *w, const struct message *m, struct topics_sent *out)
{
    const struct config *config = w->service->config;
    char hash[MESSAGE_HASH_BYTES] = "";
    struct topics_send send = {
        .message = m,
        .store = m->durable,
        .payload_hash = hash,
        .max_messages = config->topics_history_max,
        .ttl_ms = config->topics_history_ttl_ms,
        .idempotency_window_ms = config->inbox_idempotency_window_ms,
    };
    struct pipeline pipeline;
    enum err err = m->message_id[0] ? message_hash(m, hash) : ERR_OK;

    if (err || (err = pipeline_init(&pipeline, 1))) {
        return err;
    }
    topics_send_command(pipeline_add(&pipeline), config->redis_prefix, &send);
    /* Only a messageId makes it safe to store again after a connection broke half-way. */
    err = pipeline_run(&pipeline, w->redis, !m->durable || m->message_id[0]);
    if (!err) {
        err = topics_send_decode(pipeline.replies[0], clock_wall_ms(), out);
    }
    pipeline_finish(&pipeline);
    if (!err && out->conflict) {
        topics_sent_finish(out);
        err = ERR_IDEMPOTENCY_CONFLICT;
    }
    return err;
}

/* As replicas.c has it for users: a write, WAIT, and whether the entry is where that counted. */
static enum err await_replicas(struct worker *w, const struct message *m, struct message_id id)
{
    enum { TOUCH, WAIT, ENTRY, COMMANDS };
    const struct config *config = w->service->config;
    struct pipeline pipeline;
    int64_t confirmed = 0;
    enum err err = pipeline_init(&pipeline, COMMANDS);

    if (err) {
        return err;
    }
    topics_touch_command(pipeline_add(&pipeline), config->redis_prefix, m->target.group,
        config->topics_history_ttl_ms);
    pipeline_add_wait(&pipeline, config);
    topics_entry_command(pipeline_add(&pipeline), config->redis_prefix, m->target.group, id);
    err = pipeline_run(&pipeline, w->redis, true);
    if (!err) {
        err = redis_reply_int(pipeline.replies[WAIT], &confirmed);
    }
    struct reply_reader entry = reply_reader_of(err ? NULL : pipeline.replies[ENTRY]);
    if (!err && (confirmed < config->redis_wait_replicas || reply_length(&entry) == 0)) {
        err = ERR_TOO_FEW_REPLICAS;
    }
    pipeline_finish(&pipeline);
    return err;
}

/* What goes to one node. */
struct parcel {
    size_t place;        /* of the node */
    struct buf envelope; /* owned */
};

/* What the nodes are told, but for their boots. */
static struct envelope_message describe(const struct message *m, const struct topics_sent *sent)
{
    struct envelope_message message = {.durable = sent->stored,
        .id = sent->id,
        .prev_id = sent->prev_id,
        .sessions = m->exclude,
        .session_count = m->exclude_count,
        .payload = {buf_str(&m->payload), m->payload.len}};

    memcpy(message.group, m->target.group, sizeof(message.group));
    id_random(message.forward_id, sizeof(message.forward_id));
    return message;
}

static size_t pack(struct worker *w, const struct message *m, const struct broadcast *b,
    struct parcel *parcels, struct forward *forwards)
{
    struct envelope_message message = describe(m, &b->sent);
    size_t count = 0;

    for (size_t i = 0; i < b->count; i++) {
        const struct registry_entry *node = b->nodes[i].entry;
        struct envelope envelope = {
            .wait = m->wait, .wait_ms = m->timeout_ms, .messages = &message, .message_count = 1};

        if (b->nodes[i].status != DELIVERY_UNREACHABLE) {
            continue;
        }
        if (node_pool_is_avoided(w->service->nodes, node->boot)) {
            send_stat_add(forwards_spared, 1);
            continue;
        }
        memcpy(envelope.boot, node->boot, sizeof(envelope.boot));
        parcels[count] = (struct parcel){.place = i};
        struct buf *bytes = &parcels[count].envelope;
        buf_init(bytes, COMMAND_BYTES_MAX);
        envelope_encode(&envelope, bytes);
        if (buf_err(bytes)) {
            buf_finish(bytes);
            continue;
        }
        forwards[count++] =
            (struct forward){.addr = node->addr, .body = {buf_str(bytes), bytes->len}};
    }
    return count;
}

static void settle(struct worker *w, struct broadcast *b, size_t place, struct forward *forward)
{
    struct delivery *node = &b->nodes[place];

    node->status = outcome_note(w, node->entry->boot, forward->outcome);
    if (forward->outcome != FORWARD_ANSWERED) {
        return;
    }
    if (forward->answer.message_count == 1 && forward->answer.messages[0].is_group) {
        b->answers[place] = (struct broadcast_answer){true, forward->answer.messages[0].counts};
    }
    envelope_answer_finish(&forward->answer);
}

static enum err forward(struct worker *w, const struct message *m, struct broadcast *b)
{
    struct parcel *parcels = calloc(b->count + 1, sizeof(*parcels));
    struct forward *forwards = calloc(b->count + 1, sizeof(*forwards));
    enum err err = ERR_NO_MEMORY;

    if (parcels && forwards) {
        size_t count = pack(w, m, b, parcels, forwards);
        forward_all(w->forwarder, forwards, count, m->timeout_ms);
        for (size_t i = 0; i < count; i++) {
            settle(w, b, parcels[i].place, &forwards[i]);
            buf_finish(&parcels[i].envelope);
        }
        err = ERR_OK;
    }
    free(parcels);
    free(forwards);
    return err;
}

/* Nodes that may have missed what is in the log. */
static void hint(struct worker *w, const struct message *m, const struct broadcast *b)
{
    struct hints hints;

    if (!b->sent.stored) {
        return;
    }
    hints_init(&hints, w, b->count);
    for (size_t i = 0; i < b->count; i++) {
        if (!b->answers[i].answered && b->nodes[i].status == DELIVERY_UNREACHABLE) {
            hints_add(&hints, b->nodes[i].entry->node_id, HINT_GROUP, m->target.group);
        }
    }
    hints_send(&hints);
}

static void count(const struct broadcast *b)
{
    for (size_t i = 0; i < b->count; i++) {
        for (int status = 0; status < DELIVERY_STATUS_COUNT; status++) {
            stats_add(&send_stats[SEND_STAT_deliveries_queued + status],
                b->answers[i].counts.with[status]);
        }
    }
}

/* All nodes that have members, as far as Redis knows. */
static enum err list_nodes(struct broadcast *b)
{
    b->count = b->sent.node_count;
    b->nodes = calloc(b->count + 1, sizeof(*b->nodes));
    b->answers = calloc(b->count + 1, sizeof(*b->answers));
    if (!b->nodes || !b->answers) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < b->count; i++) {
        b->nodes[i] = (struct delivery){&b->sent.nodes[i], DELIVERY_UNREACHABLE, -1, NULL};
    }
    return ERR_OK;
}

enum err broadcast_send(struct worker *w, const struct message *m, struct broadcast *out)
{
    struct broadcast b = {.count = 0};
    enum err err = store_and_find(w, m, &b.sent);

    if (err) {
        return err;
    }
    if (b.sent.stored && w->service->config->redis_wait_replicas > 0) {
        err = await_replicas(w, m, b.sent.id);
    }
    if (!err) {
        err = list_nodes(&b);
    }
    if (!err) {
        ghosts_mark(w, b.nodes, b.count);
        err = forward(w, m, &b);
    }
    if (err) {
        broadcast_finish(&b);
        return err;
    }
    ghosts_remove_nodes(w, m->target.group, b.nodes, b.count);
    hint(w, m, &b);
    count(&b);
    *out = b;
    return ERR_OK;
}
