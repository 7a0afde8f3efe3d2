/*
 * The steps of a stop, each taken on a tick when the one before is done: sessions closed, closes
 * written to the registry, lease released.
 */
#include "wsnode/node_stop.h"

#include <stdlib.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "wsnode/accept.h"
#include "wsnode/heartbeat.h"
#include "wsnode/loop.h"
#include "wsnode/presence.h"
#include "wsnode/redis_async.h"

/* Sessions are told within the first half of the time; a tick's slice has at least so many. */
#define SLICE_MIN 500
#define TICK_MS 50
/* The lease is given back even if the time is over: else senders would try this node until it ends.
 */
#define RELEASE_MS 200

enum stop_step { STOP_CLOSING, STOP_REGISTRY, STOP_RELEASING };

struct node_stop {
    enum stop_step step;
    enum close_reason reason;
    int64_t deadline_ms; /* monotonic */
    int64_t slice;       /* sessions closed per tick */
};

struct slice_arg {
    struct node *node;
    int64_t left;
};

void node_stop_begin(struct node *n, enum close_reason reason)
{
    int64_t now_ms = clock_mono_ms();

    if (n->stop) {
        return;
    }
    n->stop = calloc(1, sizeof(*n->stop));
    if (!n->stop) {
        loop_stop(n->loop); /* what remains is what a crash would leave */
        return;
    }
    int64_t timeout_ms = n->config->node_shutdown_timeout_ms;
    int64_t ticks = timeout_ms / 2 / TICK_MS + 1;
    *n->stop = (struct node_stop){.step = STOP_CLOSING,
        .reason = reason,
        .deadline_ms = now_ms + timeout_ms,
        .slice = n->table.count / ticks + SLICE_MIN};
    n->draining = true;
    log_info("stopping", "node=%s sessions=%lld", n->id, (long long)n->table.count);
    acceptor_stop(n);
}

void node_stop_at_once(struct node *n)
{
    if (n->stop) {
        n->stop->deadline_ms = clock_mono_ms();
    }
}

static void close_in_slice(struct session *s, void *arg)
{
    struct slice_arg *slice = arg;

    if (slice->left > 0 && s->state != SESSION_CLOSING) {
        slice->left--;
        session_close(slice->node, s, slice->node->stop->reason);
    }
}

static void close_slice(struct node *n)
{
    struct slice_arg slice = {n, n->stop->slice};

    session_table_each(&n->table, close_in_slice, &slice);
}

static bool step_is_done(struct node *n)
{
    switch (n->stop->step) {
    case STOP_CLOSING:
        close_slice(n);
        return n->table.count == 0 && acceptor_unfinished_count(n) == 0;
    case STOP_REGISTRY:
        return presence_pending_count(n) == 0 || !redis_async_is_ready(n->redis);
    case STOP_RELEASING:
        return redis_async_in_flight(n->redis) == 0;
    }
    return true;
}

static void release(struct node *n, int64_t deadline_ms)
{
    n->stop->step = STOP_RELEASING;
    n->stop->deadline_ms = deadline_ms;
    heartbeat_release(n);
}

static void go_on(struct node *n)
{
    switch (n->stop->step) {
    case STOP_CLOSING:
        n->stop->step = STOP_REGISTRY;
        return;
    case STOP_REGISTRY:
        release(n, n->stop->deadline_ms);
        return;
    case STOP_RELEASING:
        loop_stop(n->loop);
        return;
    }
}

static void give_up(struct node *n, int64_t now_ms)
{
    if (n->stop->step == STOP_RELEASING) {
        loop_stop(n->loop);
        return;
    }
    log_warn("not all closed in time", "node=%s sessions=%lld answers_awaited=%lld", n->id,
        (long long)n->table.count, (long long)presence_pending_count(n));
    release(n, now_ms + RELEASE_MS);
}

void node_stop_on_tick(struct node *n, int64_t now_ms)
{
    if (!n->stop) {
        return;
    }
    if (step_is_done(n)) {
        go_on(n);
    } else if (now_ms >= n->stop->deadline_ms) {
        give_up(n, now_ms);
    }
}

void node_stop_finish(struct node *n)
{
    free(n->stop);
    n->stop = NULL;
}
