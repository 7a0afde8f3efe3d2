#include "tests/unit/fake_socket.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fake_socket_init(struct socket *s)
{
    memset(s, 0, sizeof(*s));
    STAILQ_INIT(&s->frames);
    s->takes = -1;
    s->free = true;
}

void fake_socket_finish(struct socket *s)
{
    s->stuck = NULL;
    while (fake_socket_take(s)) {
    }
}

const char *fake_socket_take(struct socket *s)
{
    struct fake_frame *frame = STAILQ_FIRST(&s->frames);

    if (!frame || frame == s->stuck) {
        return NULL;
    }
    STAILQ_REMOVE_HEAD(&s->frames, link);
    snprintf(s->taken, sizeof(s->taken), "%s", frame->text);
    free(frame);
    return s->taken;
}

void fake_socket_unblock(struct socket *s, int takes)
{
    s->free = true;
    s->stuck = NULL;
    s->takes = takes;
}

/* One more frame for the kernel: whole, or is a part of it left over? */
static enum socket_write offer(struct socket *s)
{
    if (s->takes == 0) {
        s->free = false;
        return SOCKET_BUFFERED;
    }
    if (s->takes > 0) {
        s->takes--;
    }
    return SOCKET_WRITTEN;
}

enum socket_write socket_write_text(struct socket *s, struct payload *payload)
{
    assert(s->free && s->close_code == 0);
    if (s->broken) {
        return SOCKET_BROKEN;
    }
    struct fake_frame *frame = malloc(sizeof(*frame) + payload->len + 1);
    assert(frame);
    memcpy(frame->text, payload_bytes(payload), payload->len);
    frame->text[payload->len] = '\0';
    STAILQ_INSERT_TAIL(&s->frames, frame, link);
    enum socket_write result = offer(s);
    s->stuck = result == SOCKET_BUFFERED ? frame : NULL;
    return result;
}

bool socket_is_free(const struct socket *s)
{
    return s->free;
}

void socket_want_writable(struct socket *s)
{
    s->wants_writable = true;
}

enum socket_write socket_ping(struct socket *s)
{
    assert(s->free && s->close_code == 0);
    if (s->broken) {
        return SOCKET_BROKEN;
    }
    s->pings++;
    return offer(s);
}

void socket_close(struct socket *s, uint16_t code, const char *reason)
{
    assert(s->close_code == 0 && code != 0);
    s->close_code = code;
    snprintf(s->close_reason, sizeof(s->close_reason), "%s", reason);
}
