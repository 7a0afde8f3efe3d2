/*
 * Waits for the head of a handshake, has it parsed, and either hands the connection to ws_protocol
 * or answers and closes it.
 */
#include "wsnode/ws_arrival.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "wsnode/http_answer.h"
#include "wsnode/loop.h"
#include "wsnode/ws_protocol.h"

/* A close(2) with unread bytes sends a reset that can overtake the answer, so wait for the peer. */
#define LINGER_MS 1000
#define ANSWER_BYTES_MAX 2048
/* Spread, so that those who are refused together do not come back together. */
#define RETRY_AFTER_MAX_S 5

struct arrival {
    uv_poll_t poll;
    struct arrivals *all;
    struct ring_entry entry; /* in waiting or lingering */
    int fd;
    size_t seen; /* bytes that have been peeked at */
    bool lingers;
};

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Lets go of the arrival; its connection stays with the caller. */
static void arrival_release(struct arrival *a)
{
    ring_remove(a->lingers ? &a->all->lingering : &a->all->waiting, &a->entry);
    a->all->count--;
    uv_close((uv_handle_t *)&a->poll, on_poll_closed);
}

static void arrival_end(struct arrival *a)
{
    int fd = a->fd;

    arrival_release(a);
    (void)close(fd);
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
    node_stat_add(limited_all, err == ERR_CONNECTS_LIMITED);
    node_stat_add(limited_address, err == ERR_ADDRESS_LIMITED);
    node_stat_add(limited_user, err == ERR_USER_LIMITED);
    node_stat_add(address_full, err == ERR_ADDRESS_FULL);
    node_stat_add(origin_refused, err == ERR_ORIGIN_REFUSED);
}

static void send_answer(int fd, const struct problem *p)
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
        (void)send(fd, answer.bytes, answer.len, MSG_NOSIGNAL);
    }
    (void)shutdown(fd, SHUT_WR);
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

/* The rates come last: what is refused anyway does not count. */
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
    return gate_count_user(&as->gate, h, now_ms, p);
}

/* What was peeked at is there, so this takes all of it. */
static bool consume(struct arrivals *as, int fd, size_t head_bytes)
{
    return recv(fd, as->head, head_bytes, MSG_DONTWAIT) == (ssize_t)head_bytes;
}

enum verdict { VERDICT_WAIT, VERDICT_ADOPT, VERDICT_REFUSE, VERDICT_END };

/* Looks at what has come; with VERDICT_WAIT, *seen says how much that is. */
static enum verdict judge(
    struct arrivals *as, int fd, size_t *seen, struct session_handshake *h, struct problem *p)
{
    ssize_t got = recv(fd, as->head, as->head_max, MSG_PEEK | MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        return VERDICT_END;
    }
    struct slice bytes = {as->head, got < 0 ? 0 : (size_t)got};
    size_t head_bytes = handshake_head_bytes(bytes);
    if (head_bytes > 0) {
        if (check(as, fd, (struct slice){bytes.at, head_bytes}, h, p)) {
            return VERDICT_REFUSE;
        }
        return consume(as, fd, head_bytes) ? VERDICT_ADOPT : VERDICT_END;
    }
    if (bytes.len == as->head_max) {
        return handshake_refuse_long(bytes, p) ? VERDICT_REFUSE : VERDICT_END;
    }
    *seen = bytes.len;
    return VERDICT_WAIT;
}

/* Readable from so many bytes on: what was peeked at must not wake the loop again and again. */
static void set_low_water(int fd, size_t bytes)
{
    int value = (int)bytes;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof(value));
}

static void linger(struct arrival *a)
{
    char ignored[4096];
    ssize_t got;

    do {
        got = recv(a->fd, ignored, sizeof(ignored), MSG_DONTWAIT);
    } while (got > 0);
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        arrival_end(a);
    }
}

static void start_lingering(struct arrival *a)
{
    ring_remove(&a->all->waiting, &a->entry);
    a->lingers = true;
    ring_add(&a->all->lingering, &a->entry, clock_mono_ms());
    set_low_water(a->fd, 1);
    linger(a);
}

/* false: the arrival has been handed over, refused or ended. */
static bool arrival_look(struct arrival *a)
{
    struct session_handshake h;
    struct problem p;
    size_t seen = 0;

    switch (judge(a->all, a->fd, &seen, &h, &p)) {
    case VERDICT_WAIT:
        a->seen = seen;
        set_low_water(a->fd, seen + 1);
        return true;
    case VERDICT_ADOPT:
        set_low_water(a->fd, 1);
        arrival_release(a);
        ws_protocol_adopt(a->all->node, a->fd, &h);
        return false;
    case VERDICT_REFUSE:
        send_answer(a->fd, &p);
        start_lingering(a);
        return false;
    case VERDICT_END:
        arrival_end(a);
        return false;
    }
    return false;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct arrival *a = poll->data;

    (void)events;
    if (status < 0) {
        arrival_end(a);
    } else if (a->lingers) {
        linger(a);
    } else {
        size_t seen_before = a->seen;
        if (arrival_look(a) && a->seen == seen_before) {
            arrival_end(a); /* woken without more bytes: the peer has finished */
        }
    }
}

static struct arrival *arrival_create(struct arrivals *as, int fd)
{
    struct arrival *a = calloc(1, sizeof(*a));

    if (!a || uv_poll_init(loop_uv(as->node->loop), &a->poll, fd) < 0) {
        free(a);
        return NULL;
    }
    a->poll.data = a;
    a->all = as;
    a->fd = fd;
    as->count++;
    ring_add(&as->waiting, &a->entry, clock_mono_ms());
    return a;
}

enum err arrivals_init(struct arrivals *as, struct node *n, int64_t max_sessions)
{
    as->node = n;
    as->max_sessions = max_sessions;
    as->count = 0;
    ring_init(&as->waiting, n->config->node_handshake_timeout_ms);
    ring_init(&as->lingering, LINGER_MS);
    as->head_max = (size_t)n->config->node_head_max_bytes;
    as->head = malloc(as->head_max);
    return as->head ? gate_init(&as->gate, n, clock_mono_ms()) : ERR_NO_MEMORY;
}

void arrivals_take(struct arrivals *as, int fd)
{
    struct session_handshake h;
    struct problem p;
    size_t seen;

    /* The listener defers accepting until there are bytes, so mostly nothing is to be waited for.
     */
    if (judge(as, fd, &seen, &h, &p) == VERDICT_ADOPT) {
        ws_protocol_adopt(as->node, fd, &h);
        return;
    }
    struct arrival *a = arrival_create(as, fd);
    if (!a || uv_poll_start(&a->poll, UV_READABLE, on_readable) < 0) {
        log_limited(LOG_WARN, "connection not taken", "fd=%d", fd);
        if (a) {
            arrival_release(a);
        }
        (void)close(fd);
        return;
    }
    (void)arrival_look(a);
}

static struct arrival *first_due(struct ring *ring, int64_t now_ms)
{
    struct ring_entry *e = ring_first_due(ring, now_ms);

    return e ? (struct arrival *)((char *)e - offsetof(struct arrival, entry)) : NULL;
}

static void end_due(struct ring *ring, int64_t now_ms)
{
    struct arrival *a;

    while ((a = first_due(ring, now_ms))) {
        arrival_end(a);
    }
}

/* Who has sent nothing has not asked for anything, and is not answered. */
static void time_out(struct arrivals *as, int64_t now_ms)
{
    struct arrival *a;
    struct problem p;

    while ((a = first_due(&as->waiting, now_ms))) {
        if (a->seen == 0) {
            arrival_end(a);
            continue;
        }
        (void)problem_set(&p, ERR_HANDSHAKE_TIMEOUT, "", NULL);
        send_answer(a->fd, &p);
        start_lingering(a);
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
