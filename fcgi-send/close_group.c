/*
 * Ends the sessions of a group. The order is in Redis before any node is told: one that cannot be
 * reached now finds it when it next tells Redis that it has members there.
 */
#include "fcgi-send/close_group.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi-send/ghosts.h"
#include "fcgi-send/hints.h"
#include "fcgi-send/outcome.h"
#include "fcgi-send/pipeline.h"
#include "shared/clock.h"
#include "shared/topics.h"

/* A reason of 123 bytes and a name of 257, both escaped, and the rest. */
#define BODY_BYTES_MAX 4096

struct ending {
    const char *group; /* borrowed */
    struct dismissal_order order;
    struct registry_entry *entries; /* owned; the nodes that have members */
    struct delivery *nodes;         /* owned; DELIVERY_CLOSED, …_UNREACHABLE or …_GONE */
    int64_t *closed;                /* owned; how many sessions, of each node */
    size_t count;
};

static enum err order(struct worker *w, struct ending *e)
{
    struct pipeline pipeline;
    enum err err = pipeline_init(&pipeline, 1);

    if (err) {
        return err;
    }
    topics_dismiss_command(
        pipeline_add(&pipeline), w->service->config->redis_prefix, e->group, &e->order.how);
    err = pipeline_run(&pipeline, w->redis, true);
    if (!err) {
        err = topics_dismiss_decode(
            pipeline.replies[0], clock_wall_ms(), &e->order.at_ms, &e->entries, &e->count);
    }
    pipeline_finish(&pipeline);
    return err;
}

static enum err list_nodes(struct ending *e)
{
    e->nodes = calloc(e->count + 1, sizeof(*e->nodes));
    e->closed = calloc(e->count + 1, sizeof(*e->closed));
    if (!e->nodes || !e->closed) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < e->count; i++) {
        e->nodes[i] = (struct delivery){.entry = &e->entries[i], .status = DELIVERY_UNREACHABLE};
    }
    return ERR_OK;
}

static void settle(struct worker *w, struct ending *e, size_t i, struct forward *forward)
{
    e->nodes[i].status = outcome_note(w, e->entries[i].boot, forward->outcome);
    if (forward->outcome == FORWARD_ANSWERED) {
        e->nodes[i].status = DELIVERY_CLOSED;
        e->closed[i] = forward->closed.closed;
        free(forward->closed.gone);
    }
}

/* Those that seem to be dead are asked, too: if they are not, so much the better. */
static enum err tell_nodes(struct worker *w, struct ending *e)
{
    struct forward *forwards = calloc(e->count + 1, sizeof(*forwards));
    struct buf *bodies = calloc(e->count + 1, sizeof(*bodies));
    enum err err = ERR_NO_MEMORY;

    if (forwards && bodies) {
        for (size_t i = 0; i < e->count; i++) {
            buf_init(&bodies[i], BODY_BYTES_MAX);
            dismissal_encode_group(&e->order, e->entries[i].boot, e->group, &bodies[i]);
            forwards[i] = (struct forward){.call = FORWARD_CLOSE,
                .addr = e->entries[i].addr,
                .body = {buf_str(&bodies[i]), bodies[i].len}};
        }
        forward_all(w->forwarder, forwards, e->count, 0);
        for (size_t i = 0; i < e->count; i++) {
            settle(w, e, i, &forwards[i]);
            buf_finish(&bodies[i]);
        }
        err = ERR_OK;
    }
    free(forwards);
    free(bodies);
    return err;
}

/* The way without pub/sub is the next time that the node tells of the group. */
static void hint(struct worker *w, const struct ending *e)
{
    struct hints hints;

    hints_init(&hints, w, e->count);
    for (size_t i = 0; i < e->count; i++) {
        if (e->nodes[i].status != DELIVERY_CLOSED) {
            hints_add(&hints, e->entries[i].node_id, HINT_GROUP, e->group);
        }
    }
    hints_send(&hints);
}

static void encode(const struct ending *e, struct buf *out)
{
    int64_t closed = 0;
    bool complete = true;

    buf_add_str(out, "{\"nodes\":[");
    for (size_t i = 0; i < e->count; i++) {
        const struct delivery *node = &e->nodes[i];

        closed += e->closed[i];
        complete = complete && node->status != DELIVERY_UNREACHABLE;
        buf_add_str(out, i > 0 ? ",{\"node\":" : "{\"node\":");
        buf_add_json_string(out, node->entry->node_id, strlen(node->entry->node_id));
        buf_addf(out, ",\"status\":\"%s\",\"closed\":%" PRId64 "}",
            delivery_status_text(node->status), e->closed[i]);
    }
    buf_addf(out, "],\"closed\":%" PRId64 ",\"complete\":%s}", closed, complete ? "true" : "false");
}

enum err close_group(
    struct worker *w, const char *group, const struct dismissal *how, struct buf *out)
{
    struct ending e = {.group = group, .order = {.how = *how}};
    enum err err;

    if (!(err = order(w, &e)) && !(err = list_nodes(&e)) && !(err = tell_nodes(w, &e))) {
        hint(w, &e);
        ghosts_mark_silent(w, e.nodes, e.count);
        ghosts_remove_nodes(w, group, e.nodes, e.count);
        encode(&e, out);
    }
    free(e.entries);
    free(e.nodes);
    free(e.closed);
    return err;
}
