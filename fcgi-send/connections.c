/*
 * One epoll set for all threads. Everything in it but the stop is one-shot, so that each event
 * wakes one thread, and what it is about stays out of the set until that thread has dealt with it.
 */
#include "fcgi-send/connections.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "shared/log.h"

/* accept(2) fails for lack of descriptors or memory: a busy loop would not make more of them. */
#define ACCEPT_PAUSE_MS 50

static int watch(const struct connections *c, int operation, int fd, uint32_t more_events)
{
    struct epoll_event event = {.events = EPOLLIN | more_events, .data.fd = fd};

    return epoll_ctl(c->epoll_fd, operation, fd, &event);
}

enum err connections_init(
    struct connections *c, int listen_fd, int stop_fd, int64_t pause_ms, struct problem *p)
{
    int flags = fcntl(listen_fd, F_GETFL);

    *c = (struct connections){epoll_create1(EPOLL_CLOEXEC), listen_fd, stop_fd, pause_ms};
    if (c->epoll_fd < 0 || flags < 0 || fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK) ||
        watch(c, EPOLL_CTL_ADD, listen_fd, EPOLLONESHOT) || watch(c, EPOLL_CTL_ADD, stop_fd, 0)) {
        problem_set(p, ERR_INTERNAL, "", "cannot watch the FastCGI socket: %s", strerror(errno));
        if (c->epoll_fd >= 0) {
            close(c->epoll_fd);
        }
        return ERR_INTERNAL;
    }
    return ERR_OK;
}

void connections_finish(struct connections *c)
{
    close(c->epoll_fd);
}

/* libfcgi has no time-outs of its own. */
static void limit_pauses(int fd, int64_t pause_ms)
{
    struct timeval pause = {
        .tv_sec = (time_t)(pause_ms / 1000), .tv_usec = (suseconds_t)(pause_ms % 1000 * 1000)};

    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &pause, sizeof(pause)) ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &pause, sizeof(pause))) {
        log_limited(LOG_WARN, "cannot limit pauses", "reason=\"%s\"", strerror(errno));
    }
}

/* One connection at a time: the next one wakes another thread as soon as the listener is watched
 * again. -1: none. */
static int accept_one(struct connections *c)
{
    int fd = accept(c->listen_fd, NULL, NULL);

    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        log_limited(LOG_ERROR, "cannot accept", "reason=\"%s\"", strerror(errno));
        nanosleep(&(struct timespec){.tv_nsec = ACCEPT_PAUSE_MS * 1000000L}, NULL);
    }
    watch(c, EPOLL_CTL_MOD, c->listen_fd, EPOLLONESHOT);
    if (fd >= 0) {
        limit_pauses(fd, c->pause_ms);
    }
    return fd;
}

void connections_park(struct connections *c, int fd)
{
    if (watch(c, EPOLL_CTL_ADD, fd, EPOLLONESHOT)) {
        log_limited(LOG_WARN, "cannot keep a connection", "reason=\"%s\"", strerror(errno));
        close(fd);
    }
}

/* Out of the set while a thread serves it. */
static int unpark(struct connections *c, int fd)
{
    watch(c, EPOLL_CTL_DEL, fd, 0);
    return fd;
}

/* Is there something to read? A silent connection is parked, an ended one closed. */
static bool is_ready(struct connections *c, int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        connections_park(c, fd);
    } else if (got <= 0) {
        close(fd);
    }
    return got > 0;
}

int connections_take(struct connections *c)
{
    for (;;) {
        struct epoll_event event;
        int count = epoll_wait(c->epoll_fd, &event, 1, -1);

        if (count < 0 && errno != EINTR) {
            log_error("cannot wait for requests", "reason=\"%s\"", strerror(errno));
            return -1;
        }
        if (count <= 0) {
            continue;
        }
        if (event.data.fd == c->stop_fd) {
            return -1;
        }
        int fd = event.data.fd == c->listen_fd ? accept_one(c) : unpark(c, event.data.fd);
        if (fd >= 0 && is_ready(c, fd)) {
            return fd;
        }
    }
}
