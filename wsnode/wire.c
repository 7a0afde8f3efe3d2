/*
 * Public connections on libuv. Bytes are read and written right here when somebody wants to; libuv
 * only tells when it is worth while. With TLS, bytes that were decrypted and not yet read are told
 * of by an idle handle, as the socket knows nothing of them.
 */
#include "wsnode/wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "wsnode/loop.h"
#include "wsnode/wire_tls.h"

/* What a wire with TLS has beyond the others. */
struct tls_part {
    struct wire_tls tls;
    struct wire *wire; /* borrowed; whose part it is */
    struct wires *all; /* borrowed */
    bool listed;       /* in unread */
    TAILQ_ENTRY(tls_part) entry;
};

struct wires {
    uv_idle_t idle; /* active while there is anything in unread */
    SSL_CTX *ctx;   /* owned */
    TAILQ_HEAD(, tls_part) unread;
    int64_t unread_count;
};

/* There are many of them: the handle comes first, so that its data can be the owner. */
struct wire {
    uv_poll_t poll;
    void (*on_ready)(void *owner, unsigned ready);
    struct tls_part *tls; /* owned; NULL: a plain one */
    int fd;
    unsigned char watched; /* by the owner */
    unsigned char polled;  /* of the socket, for that */
    bool ends;             /* the peer cannot be told yet that no more follows */
};

static void unlist(struct tls_part *t)
{
    if (t->listed) {
        t->listed = false;
        TAILQ_REMOVE(&t->all->unread, t, entry);
        t->all->unread_count--;
    }
}

/* Each that is there at the beginning once; on_ready() may bring it back, or destroy any wire. */
static void on_idle(uv_idle_t *idle)
{
    struct wires *all = idle->data;

    for (int64_t left = all->unread_count; left > 0 && !TAILQ_EMPTY(&all->unread); left--) {
        struct tls_part *t = TAILQ_FIRST(&all->unread);
        unlist(t);
        if (t->wire->watched & WIRE_READABLE) {
            t->wire->on_ready(t->wire->poll.data, WIRE_READABLE);
        }
    }
    if (TAILQ_EMPTY(&all->unread)) {
        (void)uv_idle_stop(idle); /* cannot fail */
    }
}

/* Decrypted bytes: their turn is the next one of the loop. */
static void list_unread(struct tls_part *t)
{
    struct wires *all = t->all;

    if (t->listed || !wire_tls_has_bytes(&t->tls)) {
        return;
    }
    t->listed = true;
    TAILQ_INSERT_TAIL(&all->unread, t, entry);
    all->unread_count++;
    (void)uv_idle_start(&all->idle, on_idle); /* fails only without a callback */
}

enum err wires_create(struct node *n)
{
    if (!tls_is_on(n->tls, TLS_PUBLIC)) {
        return ERR_OK;
    }
    struct wires *all = calloc(1, sizeof(*all));
    if (!all) {
        return ERR_NO_MEMORY;
    }
    all->ctx = wire_tls_context(n->tls);
    if (!all->ctx) {
        free(all);
        return ERR_NO_MEMORY;
    }
    TAILQ_INIT(&all->unread);
    (void)uv_idle_init(loop_uv(n->loop), &all->idle); /* cannot fail */
    all->idle.data = all;
    n->wires = all;
    return ERR_OK;
}

void wires_close(struct node *n)
{
    if (n->wires) {
        uv_close((uv_handle_t *)&n->wires->idle, NULL);
    }
}

void wires_destroy(struct node *n)
{
    if (n->wires) {
        SSL_CTX_free(n->wires->ctx);
        free(n->wires);
        n->wires = NULL;
    }
}

static struct tls_part *part_create(struct wires *all, struct wire *w)
{
    struct tls_part *t = calloc(1, sizeof(*t));

    if (!t || !wire_tls_init(&t->tls, all->ctx, w->fd)) {
        free(t);
        return NULL;
    }
    t->wire = w;
    t->all = all;
    return t;
}

static void part_destroy(struct tls_part *t)
{
    if (t) {
        unlist(t);
        wire_tls_finish(&t->tls);
        free(t);
    }
}

struct wire *wire_create(struct node *n, int fd)
{
    struct wire *w = calloc(1, sizeof(*w));
    bool secured = false;

    if (w) {
        w->fd = fd;
        w->tls = n->wires ? part_create(n->wires, w) : NULL;
        secured = w->tls || !n->wires;
    }
    if (!secured || uv_poll_init(loop_uv(n->loop), &w->poll, fd) < 0) {
        part_destroy(w ? w->tls : NULL);
        free(w);
        (void)close(fd);
        return NULL;
    }
    return w;
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

void wire_destroy(struct wire *w)
{
    part_destroy(w->tls);
    uv_close((uv_handle_t *)&w->poll, on_poll_closed);
    (void)close(w->fd);
}

void wire_set_owner(struct wire *w, void (*on_ready)(void *owner, unsigned ready), void *owner)
{
    w->on_ready = on_ready;
    w->poll.data = owner;
}

/* What of the socket is waited for, so that the wire may be ready. */
static unsigned needs(const struct wire *w, unsigned ready)
{
    return w->tls ? wire_tls_needs(&w->tls->tls, ready) : ready;
}

/* For which of what the owner waits for it is time, when the socket is ready so. What has decrypted
 * bytes is not read twice in a turn. */
static unsigned ready_for(const struct wire *w, unsigned socket_ready)
{
    unsigned waited = w->watched;
    unsigned ready = 0;

    if (w->tls && w->tls->listed) {
        waited &= ~(unsigned)WIRE_READABLE;
    }
    ready |= needs(w, waited & WIRE_READABLE) & socket_ready ? WIRE_READABLE : 0;
    ready |= needs(w, waited & WIRE_WRITABLE) & socket_ready ? WIRE_WRITABLE : 0;
    return ready;
}

/* libuv stops watching where the kernel reports an error. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct wire *w = (struct wire *)poll;
    unsigned socket_ready = 0;

    socket_ready |= events & UV_READABLE ? WIRE_READABLE : 0;
    socket_ready |= events & UV_WRITABLE ? WIRE_WRITABLE : 0;
    if (w->ends && (socket_ready & WIRE_WRITABLE)) {
        wire_end_writing(w);
    }
    unsigned ready = status < 0 ? WIRE_BROKEN : ready_for(w, socket_ready);
    if (ready) {
        w->on_ready(w->poll.data, ready);
    }
}

static void update_poll(struct wire *w)
{
    unsigned polled = needs(w, w->watched) | (w->ends ? WIRE_WRITABLE : 0);
    int events = 0;

    if (polled == w->polled) {
        return; /* each change costs libuv two system calls */
    }
    w->polled = (unsigned char)polled;
    events |= polled & WIRE_READABLE ? UV_READABLE : 0;
    events |= polled & WIRE_WRITABLE ? UV_WRITABLE : 0;
    (void)uv_poll_start(&w->poll, events, on_poll); /* fails only if fd has another watcher */
}

void wire_watch(struct wire *w, unsigned ready)
{
    w->watched = (unsigned char)ready;
    if (w->tls) {
        list_unread(w->tls);
    }
    update_poll(w);
}

static bool is_temporary(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

ssize_t wire_read(struct wire *w, void *bytes, size_t max)
{
    if (w->tls) {
        ssize_t read = wire_tls_read(&w->tls->tls, bytes, max);
        list_unread(w->tls);
        update_poll(w);
        return read;
    }
    ssize_t got = recv(w->fd, bytes, max, 0);
    if (got > 0) {
        return got;
    }
    return got < 0 && is_temporary(errno) ? 0 : -1;
}

ssize_t wire_write(struct wire *w, const void *bytes, size_t len)
{
    if (w->tls) {
        ssize_t taken = wire_tls_write(&w->tls->tls, bytes, len);
        update_poll(w);
        return taken;
    }
    ssize_t sent = send(w->fd, bytes, len, MSG_NOSIGNAL);
    if (sent >= 0) {
        return sent;
    }
    return is_temporary(errno) ? 0 : -1;
}

void wire_hold(struct wire *w, bool held)
{
    int value = held;

    (void)setsockopt(w->fd, IPPROTO_TCP, TCP_CORK, &value, sizeof(value));
}

void wire_end_writing(struct wire *w)
{
    w->ends = w->tls && !wire_tls_end(&w->tls->tls);
    if (!w->ends) {
        (void)shutdown(w->fd, SHUT_WR);
    }
    update_poll(w);
}

void wire_cut(struct wire *w)
{
    (void)shutdown(w->fd, SHUT_RDWR);
}

bool wire_peer(const struct wire *w, struct sockaddr_storage *out)
{
    socklen_t len = sizeof(*out);

    return getpeername(w->fd, (struct sockaddr *)out, &len) == 0;
}
