/*
 * The steps of a stop, each taken on a tick when the one before is done: sessions drained, those
 * that are left closed, closes written to the registry, lease released.
 */
#include "wsnode/node_stop.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "shared/log.h"
#include "wsnode/accept.h"
#include "wsnode/announce.h"
#include "wsnode/drain_pace.h"
#include "wsnode/heartbeat.h"
#include "wsnode/loop.h"
#include "wsnode/presence.h"
#include "wsnode/redis_async.h"
#include "wsnode/upstream.h"
#include "wsnode/ws_protocol.h"

/* Closed at once, sessions are told within the first half of the time; a tick's slice has at least
 * so many. */
#define SLICE_MIN 500
#define TICK_MS 50
/* The lease is given back even if the time is over: else senders would try this node until it ends.
 */
#define RELEASE_MS 200

enum stop_step { STOP_DRAINING, STOP_CLOSING, STOP_REGISTRY, STOP_RELEASING };

struct node_stop {
    enum stop_step step;
    struct drain_pace pace;   /* while DRAINING */
    enum close_reason reason; /* while CLOSING */
    int64_t slice;            /* sessions closed per tick while CLOSING */
    int64_t deadline_ms;      /* monotonic; of CLOSING and REGISTRY together, and of RELEASING */
};

static bool create(struct node *n)
{
    n->stop = calloc(1, sizeof(*n->stop));
    if (!n->stop) {
        loop_stop(n->loop); /* what remains is what a crash would leave */
        return false;
    }
    n->draining = true;
    return true;
}

static void start_closing(struct node *n, enum close_reason reason, int64_t now_ms)
{
    int64_t timeout_ms = n->config->node_shutdown_timeout_ms;
    int64_t ticks = timeout_ms / 2 / TICK_MS + 1;

    acceptor_stop(n);
    n->stop->step = STOP_CLOSING;
    n->stop->reason = reason;
    n->stop->slice = session_open_count(n) / ticks + SLICE_MIN;
    n->stop->deadline_ms = now_ms + timeout_ms;
}

static void close_at_once(struct node *n, int64_t now_ms)
{
    log_info("stopping", "node=%s sessions=%lld", n->id, (long long)n->table.count);
    n->refusing = true;
    start_closing(n, CLOSE_GOING_AWAY, now_ms);
}

void node_stop_begin(struct node *n, int64_t now_ms)
{
    int64_t time_ms = n->config->node_drain_time_ms;

    if (n->stop || !create(n)) {
        return;
    }
    if (time_ms == 0) {
        close_at_once(n, now_ms);
        return;
    }
    log_info("draining", "node=%s sessions=%lld drain_ms=%lld", n->id, (long long)n->table.count,
        (long long)time_ms);
    drain_pace_init(&n->stop->pace, now_ms, time_ms, session_open_count(n));
    acceptor_drain(n);
}

void node_stop_hurry(struct node *n, int64_t now_ms)
{
    if (!n->stop && !create(n)) {
        return;
    }
    if (n->refusing || n->stop->step > STOP_CLOSING) {
        n->stop->deadline_ms = now_ms;
    } else {
        close_at_once(n, now_ms);
    }
}

void node_stop_request(struct node *n, int64_t now_ms)
{
    n->draining = true;
    if (getppid() != n->supervisor_pid || kill(n->supervisor_pid, SIGUSR2) < 0) {
        node_stop_begin(n, now_ms);
    }
}

int64_t node_stop_drain_left_ms(const struct node *n, int64_t now_ms)
{
    if (!n->stop) {
        return n->config->node_drain_time_ms;
    }
    int64_t left_ms = n->stop->pace.end_ms - now_ms;
    return n->stop->step == STOP_DRAINING && left_ms > 0 ? left_ms : 0;
}

static void close_some(struct node *n, int64_t count, enum close_reason reason)
{
    struct session *s;

    for (int64_t i = 0; i < count && (s = session_any_open(n)); i++) {
        session_close(n, s, reason);
    }
}

static bool all_are_gone(const struct node *n)
{
    return ws_protocol_count(n) == 0 && acceptor_unfinished_count(n) == 0 && !acceptor_is_open(n);
}

static bool step_is_done(struct node *n, int64_t now_ms)
{
    struct node_stop *stop = n->stop;

    switch (stop->step) {
    case STOP_DRAINING:
        close_some(n, drain_pace_due(&stop->pace, now_ms, session_open_count(n)), CLOSE_DRAINED);
        return now_ms >= stop->pace.end_ms || all_are_gone(n);
    case STOP_CLOSING:
        close_some(n, stop->slice, stop->reason);
        return all_are_gone(n);
    case STOP_REGISTRY:
        /* Redis, or the backend, may come back in time. */
        return presence_pending_count(n) == 0 && announce_pending_count(n) == 0 &&
               upstream_pending_count(n) == 0;
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

static void go_on(struct node *n, int64_t now_ms)
{
    switch (n->stop->step) {
    case STOP_DRAINING:
        /* Those whose handshake ends now, and those that do not answer the close frame. */
        start_closing(n, CLOSE_DRAINED, now_ms);
        return;
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
    log_warn("not all closed in time", "node=%s sessions=%lld answers_awaited=%lld upstream=%lld",
        n->id, (long long)n->table.count, (long long)presence_pending_count(n),
        (long long)upstream_pending_count(n));
    release(n, now_ms + RELEASE_MS);
}

void node_stop_on_tick(struct node *n, int64_t now_ms)
{
    if (!n->stop) {
        return;
    }
    if (step_is_done(n, now_ms)) {
        go_on(n, now_ms);
    } else if (n->stop->step != STOP_DRAINING && now_ms >= n->stop->deadline_ms) {
        give_up(n, now_ms);
    }
}

void node_stop_finish(struct node *n)
{
    free(n->stop);
    n->stop = NULL;
}
