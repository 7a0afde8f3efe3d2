/*
 * Waits for the head of a handshake, has it parsed, and either hands the connection to ws_protocol
 * or answers and closes it.
 */
#include "wsnode/ws_arrival_state.h"

#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "wsnode/hash.h"
#include "wsnode/wire.h"
#include "wsnode/ws_protocol.h"
#include "wsnode/ws_refusal.h"

/* A close(2) with unread bytes sends a reset that can overtake the answer, so wait for the peer. */
#define LINGER_MS 1000

/* Lets go of the arrival; its connection stays with the caller. */
static struct wire *arrival_release(struct arrival *a)
{
    struct wire *wire = a->wire;

    arrival_stop_asking(a);
    ring_remove(a->lingers ? &a->all->lingering : &a->all->waiting, &a->entry);
    buf_finish(&a->head);
    free(a);
    return wire;
}

void arrival_end(struct arrival *a)
{
    wire_destroy(arrival_release(a));
}

/* Everything that has come so far, in all->head. false: the peer has finished, or is gone. */
bool arrival_read(struct arrival *a, struct ws_bytes *so_far)
{
    char *head = a->all->head;
    size_t before = a->head.len;

    if (before > 0) {
        memcpy(head, a->head.bytes, before);
    }
    ssize_t got = wire_read(a->wire, head + before, a->all->head_max - before);
    if (got < 0) {
        return false;
    }
    *so_far = (struct ws_bytes){(unsigned char *)head, before + (size_t)got};
    return true;
}

enum verdict { VERDICT_WAIT, VERDICT_ADOPT, VERDICT_ASK, VERDICT_REFUSE, VERDICT_END };

static enum verdict judge(struct arrival *a, struct finding *f)
{
    struct ws_bytes *so_far = &f->behind;
    struct sockaddr_storage peer;

    if (!arrival_read(a, so_far)) {
        return VERDICT_END;
    }
    struct slice bytes = {a->all->head, so_far->len};
    size_t head_bytes = handshake_head_bytes(bytes);
    if (head_bytes > 0) {
        f->head = (struct slice){bytes.at, head_bytes};
        *so_far = (struct ws_bytes){so_far->at + head_bytes, so_far->len - head_bytes};
        if (!wire_peer(a->wire, &peer)) {
            return VERDICT_END; /* whoever it was, it would get around limits by address */
        }
        if (arrivals_check(a->all, &peer, f->head, &f->handshake, &f->problem)) {
            return VERDICT_REFUSE;
        }
        return a->all->node->hook ? VERDICT_ASK : VERDICT_ADOPT;
    }
    if (bytes.len == a->all->head_max) {
        return handshake_refuse_long(bytes, &f->problem) ? VERDICT_REFUSE : VERDICT_END;
    }
    return VERDICT_WAIT;
}

/* The wire goes on as a session's, and the arrival is gone. */
void arrival_adopt(struct arrival *a, const struct session_handshake *h, struct ws_bytes behind)
{
    struct node *n = a->all->node;

    ws_protocol_adopt(n, arrival_release(a), h, behind);
}

void arrival_refuse(struct arrival *a, const struct problem *p)
{
    refusal_send(a->wire, p);
    ring_remove(&a->all->waiting, &a->entry);
    a->lingers = true;
    ring_add(&a->all->lingering, &a->entry, clock_mono_ms());
}

/* Nothing that comes is of interest but the end. */
static void linger(struct arrival *a)
{
    if (wire_read(a->wire, a->all->head, a->all->head_max) < 0) {
        arrival_end(a);
    }
}

/* false: it has ended, for want of memory. */
bool arrival_keep(struct arrival *a, struct ws_bytes so_far)
{
    size_t kept = a->head.len;

    buf_add(&a->head, so_far.at + kept, so_far.len - kept);
    if (buf_err(&a->head) != ERR_OK) {
        arrival_end(a);
        return false;
    }
    return true;
}

/* false: it has been handed over, or has ended. */
static bool arrival_look(struct arrival *a)
{
    struct finding f;

    switch (judge(a, &f)) {
    case VERDICT_WAIT:
        return arrival_keep(a, f.behind);
    case VERDICT_ADOPT:
        arrival_adopt(a, &f.handshake, f.behind);
        return false;
    case VERDICT_ASK:
        return arrival_ask(a, &f);
    case VERDICT_REFUSE:
        arrival_refuse(a, &f.problem);
        return true;
    case VERDICT_END:
        arrival_end(a);
        return false;
    }
    return false;
}

static void on_ready(void *owner, unsigned ready)
{
    struct arrival *a = owner;

    if (ready & WIRE_BROKEN) {
        arrival_end(a);
    } else if (a->lingers) {
        linger(a);
    } else if (a->handshake) {
        arrival_wait_for_answer(a);
    } else {
        (void)arrival_look(a);
    }
}

static struct arrival *arrival_create(struct arrivals *as, struct wire *wire)
{
    struct arrival *a = calloc(1, sizeof(*a));

    if (!a) {
        return NULL;
    }
    a->wire = wire;
    a->all = as;
    a->number = ++as->last_number;
    buf_init(&a->head, as->head_max);
    ring_add(&as->waiting, &a->entry, clock_mono_ms());
    wire_set_owner(wire, on_ready, a);
    return a;
}

static struct arrival *arrival_of(struct ring_entry *e)
{
    return (struct arrival *)((char *)e - offsetof(struct arrival, entry));
}

static int64_t taken_up(const struct arrivals *as)
{
    return as->waiting.count + as->lingering.count;
}

/* The newcomer is at the end of its ring, so it goes only if no other one is in it. */
void arrivals_make_room(struct arrivals *as)
{
    while (taken_up(as) > as->max_waiting) {
        struct ring_entry *answered = ring_first(&as->lingering);
        node_stat_add(displaced, !answered);
        arrival_end(arrival_of(answered ? answered : ring_first(&as->waiting)));
    }
}

enum err arrivals_init(
    struct arrivals *as, struct node *n, int64_t max_sessions, int64_t max_waiting)
{
    as->node = n;
    as->max_sessions = max_sessions;
    as->max_waiting = max_waiting;
    ring_init(&as->waiting, n->config->node_handshake_timeout_ms);
    ring_init(&as->lingering, LINGER_MS);
    as->asked = NULL;
    as->asked_count = 0;
    as->last_number = 0;
    as->head_max = (size_t)n->config->node_head_max_bytes;
    as->head = malloc(as->head_max);
    return as->head ? gate_init(&as->gate, n, clock_mono_ms()) : ERR_NO_MEMORY;
}

void arrivals_take(struct arrivals *as, int fd)
{
    struct wire *wire = wire_create(as->node, fd);
    struct arrival *a = wire ? arrival_create(as, wire) : NULL;

    if (!a) {
        log_limited(LOG_WARN, "no memory for a connection", "");
        if (wire) {
            wire_destroy(wire);
        }
        return;
    }
    /* The listener defers accepting until there are bytes, so mostly all is there. */
    if (arrival_look(a)) {
        wire_watch(wire, WIRE_READABLE);
        arrivals_make_room(as);
    }
}

bool arrivals_full(const struct arrivals *as)
{
    return ws_protocol_count(as->node) + as->asked_count >= as->max_sessions;
}

int64_t arrivals_count(const struct arrivals *as)
{
    return taken_up(as) + as->asked_count;
}

static void end_due(struct ring *ring, int64_t now_ms)
{
    struct ring_entry *e;

    while ((e = ring_first_due(ring, now_ms))) {
        arrival_end(arrival_of(e));
    }
}

/* Who has sent nothing has not asked for anything, and is not answered. */
static void time_out(struct arrivals *as, int64_t now_ms)
{
    struct ring_entry *e;
    struct problem p;

    while ((e = ring_first_due(&as->waiting, now_ms))) {
        struct arrival *a = arrival_of(e);
        if (a->head.len == 0) {
            arrival_end(a);
            continue;
        }
        (void)problem_set(&p, ERR_HANDSHAKE_TIMEOUT, "", NULL);
        arrival_refuse(a, &p);
    }
}

void arrivals_on_tick(struct arrivals *as, int64_t now_ms)
{
    time_out(as, now_ms);
    end_due(&as->lingering, now_ms);
}

void arrivals_end_all(struct arrivals *as)
{
    struct arrival *a;
    struct arrival *next;

    end_due(&as->waiting, INT64_MAX);
    end_due(&as->lingering, INT64_MAX);
    HASH_ITER(by_number, as->asked, a, next)
    {
        arrival_end(a);
    }
}

void arrivals_finish(struct arrivals *as)
{
    gate_finish(&as->gate);
    free(as->head);
}
