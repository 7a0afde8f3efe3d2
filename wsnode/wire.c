/*
 * Public connections on libuv. Bytes are read and written right here when somebody wants to; libuv
 * only tells when it is worth while.
 */
#include "wsnode/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "wsnode/loop.h"

struct wire {
    uv_poll_t poll;
    void (*on_ready)(void *owner, unsigned ready);
    void *owner; /* borrowed */
    int fd;
    unsigned watched;
};

struct wire *wire_create(struct node *n, int fd)
{
    struct wire *w = calloc(1, sizeof(*w));

    if (!w || uv_poll_init(loop_uv(n->loop), &w->poll, fd) < 0) {
        free(w);
        (void)close(fd);
        return NULL;
    }
    w->poll.data = w;
    w->fd = fd;
    return w;
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void wire_destroy(struct wire *w)
{
    uv_close((uv_handle_t *)&w->poll, on_poll_closed);
    (void)close(w->fd);
}

void wire_set_owner(struct wire *w, void (*on_ready)(void *owner, unsigned ready), void *owner)
{
    w->on_ready = on_ready;
    w->owner = owner;
}

/* libuv stops watching where the kernel reports an error. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct wire *w = poll->data;
    unsigned ready = status < 0 ? WIRE_BROKEN : 0;

    ready |= events & UV_READABLE ? WIRE_READABLE : 0;
    ready |= events & UV_WRITABLE ? WIRE_WRITABLE : 0;
    w->on_ready(w->owner, ready);
}

void wire_watch(struct wire *w, unsigned ready)
{
    int events = 0;

    if (ready == w->watched) {
        return; /* each change costs libuv two system calls */
    }
    w->watched = ready;
    events |= ready & WIRE_READABLE ? UV_READABLE : 0;
    events |= ready & WIRE_WRITABLE ? UV_WRITABLE : 0;
    (void)uv_poll_start(&w->poll, events, on_poll); /* fails only if fd has another watcher */
}

static bool is_temporary(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

ssize_t wire_read(struct wire *w, void *bytes, size_t max)
{
    ssize_t got = recv(w->fd, bytes, max, 0);

    if (got > 0) {
        return got;
    }
    return got < 0 && is_temporary(errno) ? 0 : -1;
}

ssize_t wire_write(struct wire *w, const void *bytes, size_t len)
{
    ssize_t sent = send(w->fd, bytes, len, MSG_NOSIGNAL);

    if (sent >= 0) {
        return sent;
    }
    return is_temporary(errno) ? 0 : -1;
}

void wire_end_writing(struct wire *w)
{
    (void)shutdown(w->fd, SHUT_WR);
}

void wire_cut(struct wire *w)
{
    (void)shutdown(w->fd, SHUT_RDWR);
}

int wire_fd(const struct wire *w)
{
    return w->fd;
}
