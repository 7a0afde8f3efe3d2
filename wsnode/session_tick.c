/*
 * What happens to sessions because time passes: pings, silence, waits that were too long,
 * refreshes.
 */
#include <stddef.h>

#include "wsnode/announce.h"
#include "wsnode/presence.h"
#include "wsnode/session_internal.h"
#include "wsnode/session_limits.h"

/* Most entries of one ring that one tick works on; the rest is first in line at the next one. */
#define TICK_ENTRIES_MAX 1000
#define TICKS_PER_SECOND 20

#define session_of(entry, member)                                                                  \
    ((struct session *)(void *)((char *)(entry)-offsetof(struct session, member)))

/* A session is in one of the three. */
static struct ring *liveness_ring(struct node *n, const struct session *s)
{
    if (s->state == SESSION_OPENING) {
        return &n->openings;
    }
    return s->pinged ? &n->pongs : &n->pings;
}

void session_start_rings(struct node *n, struct session *s)
{
    ring_remove(&n->openings, &s->liveness);
    ring_add(&n->pings, &s->liveness, n->now_ms);
    ring_add(&n->refreshes, &s->refresh, n->now_ms);
}

void session_stop_rings(struct node *n, struct session *s)
{
    ring_remove(liveness_ring(n, s), &s->liveness);
    ring_remove(&n->refreshes, &s->refresh);
    ring_remove(&n->slow, &s->full);
    session_limits_stop(n, s);
}

static void await_silence(struct node *n, struct session *s)
{
    ring_remove(liveness_ring(n, s), &s->liveness);
    s->pinged = false;
    ring_add(&n->pings, &s->liveness, n->now_ms);
}

int64_t session_sign_of_life_ms(const struct config *config)
{
    return config->node_ping_interval_ms + config->node_ping_interval_ms / 4;
}

/* Or need not: a client that is pinged by frames waits for such signs itself, also while it is the
 * only one who sends. So the next ping comes a ping_interval after it was last told, or heard
 * within a quarter of it. */
static bool has_told_it_lives(const struct node *n, const struct session *s)
{
    return !s->format->pings_by_frame ||
           n->now_ms - s->last_tx_ms < n->config->node_ping_interval_ms / 4;
}

void session_on_alive(struct node *n, struct session *s, int64_t now_ms)
{
    n->now_ms = now_ms;
    s->last_rx_ms = now_ms;
    if ((s->state == SESSION_REPLAYING || s->state == SESSION_LIVE) &&
        (s->pinged || has_told_it_lives(n, s))) {
        await_silence(n, s);
    }
}

void session_take_as_pong(struct node *n, struct session *s)
{
    if (s->pinged) {
        await_silence(n, s);
    }
}

static void send_ping(struct node *n, struct session *s)
{
    struct buf frame;

    node_stat_add(pings, 1);
    if (!s->format->pings_by_frame) {
        if (socket_ping(s->socket) == SOCKET_BROKEN) {
            session_lose(n, s);
        }
        return;
    }
    session_frame_init(&frame, 0);
    s->format->ping(&frame);
    session_tell(n, s, &frame);
    buf_finish(&frame);
}

/* A ping behind a queue would tell nothing: there, taking bytes again is the sign of life. */
static void ping(struct node *n, struct session *s)
{
    ring_remove(&n->pings, &s->liveness);
    s->pinged = true;
    ring_add(&n->pongs, &s->liveness, n->now_ms);
    if (outbox_is_empty(&s->outbox) && socket_is_free(s->socket)) {
        send_ping(n, s);
    }
}

static void tick_openings(struct node *n)
{
    struct ring_entry *e;

    for (int i = 0; i < TICK_ENTRIES_MAX && (e = ring_first_due(&n->openings, n->now_ms)); i++) {
        session_close(n, session_of(e, liveness), CLOSE_TRY_LATER);
    }
}

static void tick_pings(struct node *n)
{
    struct ring_entry *e;

    for (int i = 0; i < TICK_ENTRIES_MAX && (e = ring_first_due(&n->pings, n->now_ms)); i++) {
        ping(n, session_of(e, liveness));
    }
}

static void tick_pongs(struct node *n)
{
    struct ring_entry *e;

    for (int i = 0; i < TICK_ENTRIES_MAX && (e = ring_first_due(&n->pongs, n->now_ms)); i++) {
        struct session *s = session_of(e, liveness);

        if (s->full.due_ms != 0) {
            ring_touch(&n->pongs, e, n->now_ms); /* how long it may stay full is another matter */
            continue;
        }
        node_stat_add(silent, 1);
        session_close(n, s, CLOSE_SILENT);
    }
}

static void tick_slow(struct node *n)
{
    struct ring_entry *e;

    for (int i = 0; i < TICK_ENTRIES_MAX && (e = ring_first_due(&n->slow, n->now_ms)); i++) {
        node_stat_add(slow, 1);
        session_close(n, session_of(e, full), CLOSE_SLOW);
    }
}

/* The ring is in order of the last refresh, so both kinds of due sessions are at its head. */
static struct session *next_to_refresh(const struct node *n)
{
    struct ring_entry *e = ring_first(&n->refreshes);
    struct session *s = e ? session_of(e, refresh) : NULL;

    if (!s || e->due_ms <= n->now_ms) {
        return s;
    }
    int64_t refreshed_ms = e->due_ms - n->refreshes.interval_ms;
    return refreshed_ms < n->register_again_before_ms ? s : NULL;
}

static void tick_refreshes(struct node *n)
{
    int64_t most = n->config->registry_refresh_rate / TICKS_PER_SECOND;
    struct session *s;

    for (int64_t i = 0; (i == 0 || i < most) && (s = next_to_refresh(n)); i++) {
        ring_touch(&n->refreshes, &s->refresh, n->now_ms);
        presence_refresh(n, s);
        announce_again(n, s);
    }
}

void session_on_tick(struct node *n, int64_t now_ms)
{
    n->now_ms = now_ms;
    tick_openings(n);
    session_grant_on_tick(n);
    tick_slow(n);
    tick_pongs(n);
    tick_pings(n);
    tick_refreshes(n);
    session_limits_on_tick(n);
}

/* Until it is closed, a session is in openings, and then in refreshes. */

int64_t session_open_count(const struct node *n)
{
    return n->openings.count + n->refreshes.count;
}

struct session *session_any_open(const struct node *n)
{
    struct ring_entry *e = ring_first(&n->refreshes);

    if (e) {
        return session_of(e, refresh);
    }
    e = ring_first(&n->openings);
    return e ? session_of(e, liveness) : NULL;
}
