/*
 * Waits for the head of a handshake, has it parsed, and either hands the connection to ws_protocol
 * or answers and closes it.
 */
#include "wsnode/ws_arrival.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "wsnode/admission.h"
#include "wsnode/http_answer.h"
#include "wsnode/wire.h"
#include "wsnode/ws_protocol.h"

/* A close(2) with unread bytes sends a reset that can overtake the answer, so wait for the peer. */
#define LINGER_MS 1000
#define ANSWER_BYTES_MAX 2048
/* Spread, so that those who are refused together do not come back together. */
#define RETRY_AFTER_MAX_S 5

struct arrival {
    struct wire *wire; /* owned, until ws_protocol takes it */
    struct arrivals *all;
    struct ring_entry entry; /* in waiting or lingering */
    struct buf head;         /* what has come, while it is incomplete */
    bool lingers;
};

/* Lets go of the arrival; its connection stays with the caller. */
static struct wire *arrival_release(struct arrival *a)
{
    struct wire *wire = a->wire;

    ring_remove(a->lingers ? &a->all->lingering : &a->all->waiting, &a->entry);
    buf_finish(&a->head);
    free(a);
    return wire;
}

static void arrival_end(struct arrival *a)
{
    wire_destroy(arrival_release(a));
}

static int choose_retry_after_s(void)
{
    unsigned char random = 0; /* no entropy: the shortest */

    (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
    return 1 + random % RETRY_AFTER_MAX_S;
}

static void count_refusal(enum err err)
{
    node_stat_add(refused, 1);
    node_stat_add(unauthorized, err_http_status(err) == 401 || err == ERR_TOKEN_ELSEWHERE);
    node_stat_add(limited_all, err == ERR_CONNECTS_LIMITED);
    node_stat_add(limited_address, err == ERR_ADDRESS_LIMITED);
    node_stat_add(limited_user, err == ERR_USER_LIMITED);
    node_stat_add(address_full, err == ERR_ADDRESS_FULL);
    node_stat_add(origin_refused, err == ERR_ORIGIN_REFUSED);
}

static void send_answer(struct arrival *a, const struct problem *p)
{
    struct buf body;
    struct buf answer;

    buf_init(&body, ANSWER_BYTES_MAX);
    buf_init(&answer, ANSWER_BYTES_MAX);
    http_answer_problem_body(p, &body);
    struct http_answer head = {.status = err_http_status(p->err),
        .retry_after_s = choose_retry_after_s(),
        .body = {buf_str(&body), body.len},
        .closes = true};
    head.allow = head.status == 405 ? "GET" : NULL;
    http_answer_encode(&head, &answer);
    if (buf_err(&answer) == ERR_OK) {
        /* The socket is new, so its buffer takes this; if not, the peer just sees the end. */
        (void)wire_write(a->wire, answer.bytes, answer.len);
    }
    wire_end_writing(a->wire);
    buf_finish(&answer);
    buf_finish(&body);
    count_refusal(p->err);
}

static enum err check_gate(
    struct arrivals *as, int fd, struct session_handshake *h, struct problem *p)
{
    struct sockaddr_storage peer;
    struct sockaddr *address = (struct sockaddr *)&peer;
    socklen_t len = sizeof(peer);
    bool known = getpeername(fd, address, &len) == 0;

    return gate_check(&as->gate, known ? address : NULL, h, p);
}

/* The rates come late: what is refused anyway does not count. Tokens cost more than all else; and
 * only who has a good one counts as its user. */
static enum err check(
    struct arrivals *as, int fd, struct slice head, struct session_handshake *h, struct problem *p)
{
    const struct node *n = as->node;
    int64_t now_ms = clock_mono_ms();

    enum err err = handshake_parse(head, h, p);
    if (err) {
        return err;
    }
    err = check_gate(as, fd, h, p);
    if (err) {
        return err;
    }
    if (n->refusing) {
        return problem_set(p, ERR_NODE_DRAINING, "", NULL);
    }
    if (ws_protocol_count(n) >= as->max_sessions) {
        return problem_set(p, ERR_NODE_FULL, "", NULL);
    }
    err = gate_count(&as->gate, h, now_ms, p);
    if (err) {
        return err;
    }
    err = admission_decide(n, h, clock_wall_ms(), p);
    if (err) {
        return err;
    }
    return gate_count_user(&as->gate, h, now_ms, p);
}

/* Everything that has come so far, in all->head. false: the peer has finished, or is gone. */
static bool read_head(struct arrival *a, struct ws_bytes *so_far)
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

enum verdict { VERDICT_WAIT, VERDICT_ADOPT, VERDICT_REFUSE, VERDICT_END };

/* Looks at what has come; with VERDICT_ADOPT, *so_far is left with what is behind the head. */
static enum verdict judge(
    struct arrival *a, struct ws_bytes *so_far, struct session_handshake *h, struct problem *p)
{
    if (!read_head(a, so_far)) {
        return VERDICT_END;
    }
    struct slice bytes = {a->all->head, so_far->len};
    size_t head_bytes = handshake_head_bytes(bytes);
    if (head_bytes > 0) {
        struct slice head = {bytes.at, head_bytes};
        *so_far = (struct ws_bytes){so_far->at + head_bytes, so_far->len - head_bytes};
        return check(a->all, wire_fd(a->wire), head, h, p) ? VERDICT_REFUSE : VERDICT_ADOPT;
    }
    if (bytes.len == a->all->head_max) {
        return handshake_refuse_long(bytes, p) ? VERDICT_REFUSE : VERDICT_END;
    }
    return VERDICT_WAIT;
}

/* The wire goes on as a session's, and the arrival is gone. */
static void adopt(struct arrival *a, const struct session_handshake *h, struct ws_bytes behind)
{
    struct node *n = a->all->node;

    ws_protocol_adopt(n, arrival_release(a), h, behind);
}

static void refuse(struct arrival *a, const struct problem *p)
{
    send_answer(a, p);
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
static bool keep_head(struct arrival *a, struct ws_bytes so_far)
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
    struct session_handshake h;
    struct problem p;
    struct ws_bytes so_far;

    switch (judge(a, &so_far, &h, &p)) {
    case VERDICT_WAIT:
        return keep_head(a, so_far);
    case VERDICT_ADOPT:
        adopt(a, &h, so_far);
        return false;
    case VERDICT_REFUSE:
        refuse(a, &p);
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
    buf_init(&a->head, as->head_max);
    ring_add(&as->waiting, &a->entry, clock_mono_ms());
    wire_set_owner(wire, on_ready, a);
    return a;
}

static struct arrival *arrival_of(struct ring_entry *e)
{
    return (struct arrival *)((char *)e - offsetof(struct arrival, entry));
}

/* The newcomer is at the end of its ring, so it goes only if no other one is in it. */
static void make_room(struct arrivals *as)
{
    while (arrivals_count(as) > as->max_waiting) {
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
        make_room(as);
    }
}

int64_t arrivals_count(const struct arrivals *as)
{
    return as->waiting.count + as->lingering.count;
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
        refuse(a, &p);
    }
}

void arrivals_on_tick(struct arrivals *as, int64_t now_ms)
{
    time_out(as, now_ms);
    end_due(&as->lingering, now_ms);
}

void arrivals_end_all(struct arrivals *as)
{
    end_due(&as->waiting, INT64_MAX);
    end_due(&as->lingering, INT64_MAX);
}

void arrivals_finish(struct arrivals *as)
{
    gate_finish(&as->gate);
    free(as->head);
}
