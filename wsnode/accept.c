/*
 * Accepts on the public socket, a bounded number per turn. It never waits for those who are there:
 * at the limit of handshakes ws_arrival.c makes room, at the limit of sessions each newcomer is
 * told 503.
 */
#define _GNU_SOURCE /* accept4 */
#include "wsnode/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "shared/log.h"
#include "wsnode/descriptors.h"
#include "wsnode/loop.h"
#include "wsnode/public_socket.h"
#include "wsnode/ws_arrival.h"
#include "wsnode/ws_protocol.h"

/* So that a burst of connects does not hold up the sessions that are there: each takes some 25 µs.
 * With 64, p99 of a send doubled while 20,000 came and were thrown out (make bench-slowloris).
 * With TLS it is some 5 ms, most of it OpenSSL's. */
#define ACCEPTS_PER_TURN 16

struct acceptor {
    uv_poll_t poll;
    int listen_fd;
    int reserve_fd; /* given up for a moment to refuse a connection when descriptors run out */
    bool started;
    bool drains;
    int64_t backlog_left; /* if it drains: connections that were there when it began, at most */
    struct arrivals arrivals;
};

static int64_t at_most(int64_t value, int64_t max)
{
    return value < max ? value : max;
}

/* Sets the limits of sessions and handshakes to what the descriptors allow. */
static void fit_to_descriptors(const struct config *config, int64_t *sessions, int64_t *handshakes)
{
    int64_t wanted = descriptors_wanted(config);
    int64_t limit = descriptors_raise(wanted);

    *handshakes = config->node_max_handshakes;
    *sessions = config->node_max_sessions;
    if (limit >= wanted) {
        return;
    }
    *handshakes = at_most(*handshakes, limit / 8);
    *sessions = at_most(*sessions, limit - *handshakes - at_most(SPARE_DESCRIPTORS, limit / 4));
    log_warn("fewer sessions than configured: descriptor limit",
        "max_sessions=%lld configured=%lld descriptors=%lld", (long long)*sessions,
        (long long)config->node_max_sessions, (long long)limit);
}

/* One connection is taken and dropped, so that it does not wake the loop for ever. */
static void drop_one(struct acceptor *a)
{
    (void)close(a->reserve_fd);
    int fd = accept(a->listen_fd, NULL, NULL);
    if (fd >= 0) {
        (void)close(fd);
    }
    a->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    log_limited(
        LOG_ERROR, "out of descriptors", "sessions=%lld", (long long)a->arrivals.node->table.count);
}

int64_t acceptor_unfinished_count(const struct node *n)
{
    return arrivals_count(&n->acceptor->arrivals);
}

void acceptor_after_hook(struct node *n, uint64_t arrival, const struct hook_answer *answer)
{
    if (n->acceptor) {
        arrivals_after_hook(&n->acceptor->arrivals, arrival, answer);
    }
}

enum accept_result { ACCEPT_GO_ON, ACCEPT_NOT_NOW, ACCEPT_NOBODY };

static enum accept_result accept_one(struct acceptor *a)
{
    int fd = accept4(a->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        node_stat_add(accepted, 1);
        arrivals_take(&a->arrivals, fd);
        return ACCEPT_GO_ON;
    }
    if (errno == EMFILE || errno == ENFILE) {
        drop_one(a);
        return ACCEPT_NOT_NOW;
    }
    if (errno == EINTR || errno == ECONNABORTED) {
        return ACCEPT_GO_ON;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return ACCEPT_NOBODY;
    }
    log_limited(LOG_ERROR, "cannot accept", "why=\"%s\"", strerror(errno));
    return ACCEPT_NOT_NOW;
}

static void close_listener(struct acceptor *a)
{
    uv_close((uv_handle_t *)&a->poll, NULL);
    (void)close(a->listen_fd);
    a->listen_fd = -1;
    a->started = false;
}

/*
 * The socket is closed right after it was found empty, so that hardly anyone comes in between
 * (net.ipv4.tcp_migrate_req has the kernel hand over even those). While more come than are taken,
 * it is enough that all have been taken who were there at the beginning.
 */
static void take_turn(struct acceptor *a)
{
    enum accept_result result = ACCEPT_GO_ON;

    for (int i = 0; i < ACCEPTS_PER_TURN && result == ACCEPT_GO_ON; i++) {
        result = accept_one(a);
        a->backlog_left -= result == ACCEPT_GO_ON;
    }
    if (a->drains && (result == ACCEPT_NOBODY || a->backlog_left <= 0)) {
        close_listener(a);
    }
}

static void on_connections(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    take_turn(poll->data);
}

enum err acceptor_create(struct node *n, int listen_fd)
{
    int64_t max_sessions;
    int64_t max_handshakes;

    struct acceptor *a = calloc(1, sizeof(*a));
    if (!a) {
        (void)close(listen_fd);
        return ERR_NO_MEMORY;
    }
    a->listen_fd = listen_fd;
    a->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    fit_to_descriptors(n->config, &max_sessions, &max_handshakes);
    n->acceptor = a;
    return arrivals_init(&a->arrivals, n, max_sessions, max_handshakes);
}

enum err acceptor_start(struct node *n)
{
    struct acceptor *a = n->acceptor;

    if (uv_poll_init(loop_uv(n->loop), &a->poll, a->listen_fd) < 0) {
        return ERR_INTERNAL;
    }
    a->poll.data = a;
    a->started = true;
    return uv_poll_start(&a->poll, UV_READABLE, on_connections) < 0 ? ERR_INTERNAL : ERR_OK;
}

bool acceptor_is_open(const struct node *n)
{
    return n->acceptor->started;
}

void acceptor_drain(struct node *n)
{
    struct acceptor *a = n->acceptor;

    if (!a->started) {
        return;
    }
    a->drains = true;
    a->backlog_left = PUBLIC_BACKLOG;
    take_turn(a);
}

void acceptor_stop(struct node *n)
{
    struct acceptor *a = n->acceptor;

    if (!a->started) {
        return;
    }
    for (int i = 0; i < PUBLIC_BACKLOG && accept_one(a) == ACCEPT_GO_ON; i++) {
    }
    close_listener(a);
}

void acceptor_close(struct node *n)
{
    acceptor_stop(n);
    arrivals_end_all(&n->acceptor->arrivals);
}

void acceptor_destroy(struct node *n)
{
    struct acceptor *a = n->acceptor;

    if (!a) {
        return;
    }
    if (a->listen_fd >= 0) {
        (void)close(a->listen_fd);
    }
    if (a->reserve_fd >= 0) {
        (void)close(a->reserve_fd);
    }
    arrivals_finish(&a->arrivals);
    free(a);
    n->acceptor = NULL;
}

void acceptor_on_tick(struct node *n, int64_t now_ms)
{
    struct acceptor *a = n->acceptor;

    arrivals_on_tick(&a->arrivals, now_ms);
    if (a->started && a->drains) {
        take_turn(a); /* an empty backlog wakes nobody */
    }
}
