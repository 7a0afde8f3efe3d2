/*
 * Forwards a message to the nodes that hold its sessions.
 */
#include "fcgi-send/dispatch.h"

#include <stdlib.h>

#include "fcgi-send/group.h"
#include "fcgi-send/pipeline.h"
#include "fcgi-send/stats.h"

/* What goes to one node. */
struct parcel {
    struct group *group; /* borrowed */
    struct buf envelope; /* owned */
};

/* Each group whose node is not avoided becomes a parcel and a forward. */
static size_t pack(struct worker *w, const struct message *m, const struct inbox_sent *sent,
    struct groups *groups, struct parcel *parcels, struct forward *forwards)
{
    struct envelope_message message = {.durable = sent->stored,
        .id = sent->id,
        .prev_id = sent->prev_id,
        .payload = {buf_str(&m->payload), m->payload.len}};
    size_t count = 0;

    id_random(message.forward_id, sizeof(message.forward_id));
    for (size_t i = 0; i < groups->count; i++) {
        struct group *group = &groups->items[i];
        struct parcel *parcel = &parcels[count];

        if (node_pool_is_avoided(w->service->nodes, group->node->boot)) {
            send_stat_add(forwards_spared, 1);
            continue;
        }
        *parcel = (struct parcel){.group = group};
        buf_init(&parcel->envelope, COMMAND_BYTES_MAX);
        group_encode(group, &message, m->wait, m->timeout_ms, &parcel->envelope);
        if (buf_err(&parcel->envelope)) {
            buf_finish(&parcel->envelope);
            continue;
        }
        forwards[count++] = (struct forward){
            .addr = group->node->addr, .body = {buf_str(&parcel->envelope), parcel->envelope.len}};
    }
    return count;
}

static void settle(struct worker *w, struct group *group, struct forward *forward)
{
    send_stat_add(forwards, 1);
    switch (forward->outcome) {
    case FORWARD_ANSWERED:
        node_pool_forgive(w->service->nodes, group->node->boot);
        group_take_answer(group, &forward->answer);
        envelope_answer_finish(&forward->answer);
        return;
    case FORWARD_REFUSED:
        send_stat_add(forwards_refused, 1);
        group_set_status(group, DELIVERY_GONE);
        node_pool_avoid(w->service->nodes, group->node->boot);
        return;
    case FORWARD_WRONG_BOOT:
        send_stat_add(forwards_wrong_boot, 1);
        group_set_status(group, DELIVERY_GONE);
        return;
    case FORWARD_BUSY:
        send_stat_add(forwards_busy, 1);
        node_pool_avoid(w->service->nodes, group->node->boot);
        return;
    case FORWARD_DECLINED:
        send_stat_add(forwards_declined, 1);
        node_pool_forgive(w->service->nodes, group->node->boot);
        return;
    case FORWARD_FAILED:
        send_stat_add(forwards_failed, 1);
        node_pool_avoid(w->service->nodes, group->node->boot);
        return;
    }
}

/* Nothing depends on the arrival of a hint, so nothing is made of a failure. */
static void hint(struct worker *w, const char *user_id, const struct groups *groups)
{
    struct pipeline pipeline;

    if (pipeline_init(&pipeline, groups->count)) {
        return;
    }
    for (size_t i = 0; i < groups->count; i++) {
        if (group_has_unreachable(&groups->items[i])) {
            registry_hint_command(pipeline_add(&pipeline), w->service->config->redis_prefix,
                groups->items[i].node->node_id, HINT_RESYNC, user_id);
        }
    }
    if (!pipeline_run(&pipeline, w->redis, true)) {
        send_stat_add(hints, (int64_t)pipeline.count);
    }
    pipeline_finish(&pipeline);
}

enum err dispatch(struct worker *w, const struct message *m, struct lookup *found)
{
    struct groups groups;
    enum err err = group_by_node(found->deliveries, found->count, &groups);

    if (err) {
        return err;
    }
    struct parcel *parcels = calloc(groups.count + 1, sizeof(*parcels));
    struct forward *forwards = calloc(groups.count + 1, sizeof(*forwards));
    if (!parcels || !forwards) {
        err = ERR_NO_MEMORY;
        goto out;
    }
    size_t count = pack(w, m, &found->sent, &groups, parcels, forwards);
    forward_all(w->forwarder, forwards, count, m->timeout_ms);
    for (size_t i = 0; i < count; i++) {
        settle(w, parcels[i].group, &forwards[i]);
        buf_finish(&parcels[i].envelope);
    }
    if (found->sent.stored) {
        hint(w, m->target.user_id, &groups);
    }
out:
    free(parcels);
    free(forwards);
    groups_finish(&groups);
    return err;
}
