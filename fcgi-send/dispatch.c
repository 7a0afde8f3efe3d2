/*
 * Forwards messages to the nodes that hold their sessions.
 */
#include "fcgi-send/dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-send/group.h"
#include "fcgi-send/hints.h"
#include "fcgi-send/outcome.h"
#include "fcgi-send/stats.h"
#include "shared/clock.h"

/* More of them at once are not worth a round trip: sessions look by themselves. */
#define HINTS_MAX 1000

/* What goes to one node. */
struct parcel {
    struct group *group; /* borrowed */
    struct buf envelope; /* owned */
};

/* A send on its way out. */
struct round {
    struct worker *worker;
    const struct batch *batch;
    struct groups groups;     /* owned */
    struct parcel *parcels;   /* owned; as many as there are groups, as are the forwards */
    struct forward *forwards; /* owned */
    int64_t deadline_ms;      /* of the wait; monotonic */
};

static int64_t time_left_ms(const struct round *r)
{
    int64_t left_ms = r->deadline_ms - clock_mono_ms();

    return left_ms > 0 ? left_ms : 0;
}

/* Each group of that piece whose node is not avoided becomes a parcel and a forward. */
static size_t pack(struct round *r, size_t piece)
{
    struct node_pool *nodes = r->worker->service->nodes;
    int64_t wait_ms = time_left_ms(r);
    size_t count = 0;

    for (size_t i = 0; i < r->groups.count; i++) {
        struct group *group = &r->groups.items[i];
        struct parcel *parcel = &r->parcels[count];

        if (group->piece != piece) {
            continue;
        }
        if (node_pool_is_avoided(nodes, group->node->boot)) {
            send_stat_add(forwards_spared, 1);
            continue;
        }
        *parcel = (struct parcel){.group = group};
        buf_init(&parcel->envelope, COMMAND_BYTES_MAX);
        group_encode(group, r->batch->wait, wait_ms, &parcel->envelope);
        if (buf_err(&parcel->envelope)) {
            buf_finish(&parcel->envelope);
            continue;
        }
        r->forwards[count++] = (struct forward){
            .addr = group->node->addr, .body = {buf_str(&parcel->envelope), parcel->envelope.len}};
    }
    return count;
}

bool dispatch_settle(struct worker *w, struct group *group, const struct forward *forward)
{
    enum delivery_status status = outcome_note(w, group->node->boot, forward->outcome);

    if (status == DELIVERY_GONE) {
        group_set_status(group, status);
    }
    return forward->outcome == FORWARD_ANSWERED;
}

static void forward_piece(struct round *r, size_t piece)
{
    size_t count = pack(r, piece);

    forward_all(r->worker->forwarder, r->forwards, count, time_left_ms(r));
    for (size_t i = 0; i < count; i++) {
        struct parcel *parcel = &r->parcels[i];

        if (dispatch_settle(r->worker, parcel->group, &r->forwards[i])) {
            group_take_answer(parcel->group, &r->forwards[i].answer);
            envelope_answer_finish(&r->forwards[i].answer);
        }
        buf_finish(&parcel->envelope);
    }
}

static const struct target *target_of(const struct delivery *d)
{
    return &d->sending->message.target;
}

/* 0: one hint is enough for both. */
static int compare_hints(const void *left, const void *right)
{
    const struct delivery *a = *(const struct delivery *const *)left;
    const struct delivery *b = *(const struct delivery *const *)right;
    int by_node = strcmp(a->entry->node_id, b->entry->node_id);

    return by_node ? by_node : target_compare_subjects(target_of(a), target_of(b));
}

/* Of those that have not arrived, and are stored. */
static size_t list_hints(const struct groups *groups, struct delivery **list)
{
    size_t count = 0;

    for (size_t i = 0; i < groups->member_count; i++) {
        struct delivery *d = groups->members[i];

        if (d->status == DELIVERY_UNREACHABLE && d->sending->sent.stored) {
            list[count++] = d;
        }
    }
    qsort(list, count, sizeof(*list), compare_hints);
    return count;
}

static void send_hints(struct worker *w, struct delivery **list, size_t count)
{
    struct hints hints;

    hints_init(&hints, w, HINTS_MAX);
    for (size_t i = 0, sent = 0; i < count && sent < HINTS_MAX; i++) {
        const struct target *target = target_of(list[i]);
        bool is_for_group = target->group[0] != '\0';

        if (i == 0 || compare_hints(&list[i - 1], &list[i]) != 0) {
            hints_add(&hints, list[i]->entry->node_id, is_for_group ? HINT_GROUP : HINT_RESYNC,
                is_for_group ? target->group : target->user_id);
            sent++;
        }
    }
    hints_send(&hints);
}

static void hint(struct worker *w, const struct groups *groups)
{
    struct delivery **list = calloc(groups->member_count + 1, sizeof(struct delivery *));
    size_t count = list ? list_hints(groups, list) : 0;

    if (count > 0) {
        send_hints(w, list, count);
    }
    free(list);
}

/* What a node takes, and pack() has room for. */
static size_t envelope_max(const struct config *config)
{
    int64_t max = config->node_forward_max_bytes;

    return (size_t)(max < COMMAND_BYTES_MAX ? max : COMMAND_BYTES_MAX);
}

enum err dispatch(struct worker *w, struct batch *b)
{
    struct round r = {.worker = w, .batch = b, .deadline_ms = clock_mono_ms() + b->timeout_ms};
    enum err err = group_by_node(
        b->deliveries, b->delivery_count, envelope_max(w->service->config), &r.groups);

    if (err) {
        return err;
    }
    r.parcels = calloc(r.groups.count + 1, sizeof(*r.parcels));
    r.forwards = calloc(r.groups.count + 1, sizeof(*r.forwards));
    if (!r.parcels || !r.forwards) {
        err = ERR_NO_MEMORY;
        goto out;
    }
    for (size_t piece = 0; piece < r.groups.piece_count; piece++) {
        forward_piece(&r, piece);
    }
    hint(w, &r.groups);
out:
    free(r.parcels);
    free(r.forwards);
    groups_finish(&r.groups);
    return err;
}
