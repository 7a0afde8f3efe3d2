/*
 * socket.h on a wire: frames, pings, pongs and the close frame go out here. What the kernel does
 * not take at once is kept by reference, one frame and one control frame behind it; the rest waits
 * with the session.
 */
#include "wsnode/ws_socket.h"

#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"

struct socket *socket_create(struct node *n, struct wire *wire)
{
    struct socket *s = calloc(1, sizeof(*s));

    if (!s) {
        wire_destroy(wire);
        return NULL;
    }
    s->wire = wire;
    s->node = n;
    n->ws->count++;
    ring_add(&n->ws->rings[SOCKET_OPEN], &s->entry, clock_mono_ms());
    return s;
}

void socket_destroy(struct socket *s)
{
    ring_remove(&s->node->ws->rings[s->state], &s->entry);
    s->node->ws->count--;
    burst_forget(&s->node->ws->burst, s->wire);
    wire_destroy(s->wire);
    payload_unref(s->unsent);
    payload_unref(s->next);
    if (s->decoder) {
        ws_decoder_finish(s->decoder);
        free(s->decoder);
    }
    free(s);
}

void socket_watch(struct socket *s)
{
    bool writes = s->unsent || s->wants_writable;

    wire_watch(s->wire, WIRE_READABLE | (writes ? WIRE_WRITABLE : 0));
}

static void set_state(struct socket *s, enum socket_state state)
{
    struct ring *rings = s->node->ws->rings;

    ring_remove(&rings[s->state], &s->entry);
    s->state = (unsigned char)state;
    ring_add(&rings[state], &s->entry, clock_mono_ms());
}

/* The owner of the session may be in the middle of something: the loop comes back to it. */
static enum socket_write cut(struct socket *s)
{
    wire_cut(s->wire);
    if (s->state != SOCKET_ENDING) {
        set_state(s, SOCKET_ENDING);
    }
    return SOCKET_BROKEN;
}

/* Writes the last so many bytes of p, headroom included. */
static enum socket_write write_end_of(struct socket *s, struct payload *p, size_t bytes)
{
    ssize_t sent = wire_write(s->wire, payload_bytes(p) + p->len - bytes, bytes);

    if (sent < 0) {
        return cut(s);
    }
    if ((size_t)sent == bytes) {
        return SOCKET_WRITTEN;
    }
    s->unsent = payload_ref(p);
    s->unsent_bytes = bytes - (size_t)sent;
    socket_watch(s);
    return SOCKET_BUFFERED;
}

enum socket_write socket_write_text(struct socket *s, struct payload *payload)
{
    size_t bytes = ws_frame_write_head(payload, WS_TEXT) + payload->len;

    burst_note(&s->node->ws->burst, s->wire, bytes);
    return write_end_of(s, payload, bytes);
}

enum socket_write socket_write_raw(struct socket *s, const void *bytes, size_t len)
{
    struct payload *p = payload_create(bytes, len);

    if (!p) {
        return cut(s);
    }
    enum socket_write result = write_end_of(s, p, len);
    payload_unref(p);
    return result;
}

enum socket_write socket_write_control(struct socket *s, enum ws_opcode opcode, struct slice bytes)
{
    enum socket_write result = SOCKET_BUFFERED;

    struct payload *p = payload_create(bytes.at, bytes.len);
    if (!p) {
        return cut(s);
    }
    size_t frame_bytes = ws_frame_write_head(p, opcode) + p->len;
    if (s->unsent) {
        payload_unref(s->next); /* 5.5.3: a pong for the newest ping is enough */
        s->next = payload_ref(p);
    } else {
        result = write_end_of(s, p, frame_bytes);
    }
    payload_unref(p);
    return result;
}

bool socket_is_free(const struct socket *s)
{
    return !s->unsent;
}

void socket_want_writable(struct socket *s)
{
    s->wants_writable = true;
    socket_watch(s);
}

enum socket_write socket_ping(struct socket *s)
{
    return socket_write_control(s, WS_PING, (struct slice){"", 0});
}

/* Lets go of what has been written; true: there is a control frame to write in its place. */
static bool take_next(struct socket *s)
{
    payload_unref(s->unsent);
    s->unsent = s->next;
    s->next = NULL;
    s->unsent_bytes = s->unsent ? ws_frame_head_bytes(s->unsent->len) + s->unsent->len : 0;
    return s->unsent != NULL;
}

void socket_continue_writing(struct socket *s)
{
    while (s->unsent) {
        const unsigned char *end = payload_bytes(s->unsent) + s->unsent->len;
        ssize_t sent = wire_write(s->wire, end - s->unsent_bytes, s->unsent_bytes);
        if (sent < 0) {
            (void)cut(s);
            return;
        }
        s->unsent_bytes -= (size_t)sent;
        if (s->unsent_bytes > 0 || !take_next(s)) {
            break;
        }
    }
    if (!s->unsent && s->state == SOCKET_ENDING) {
        wire_end_writing(s->wire);
    }
}

void socket_end(struct socket *s)
{
    if (s->state == SOCKET_ENDING) {
        return;
    }
    set_state(s, SOCKET_ENDING);
    if (!s->unsent) {
        wire_end_writing(s->wire);
    }
}

/* As much of a reason as fits; cut at a character's edge where it is too long. */
static size_t close_reason_bytes(const char *reason)
{
    size_t len = strlen(reason);

    if (len <= CLOSE_REASON_BYTES_MAX) {
        return len;
    }
    len = CLOSE_REASON_BYTES_MAX;
    while (len > 0 && ((unsigned char)reason[len] & 0xc0) == 0x80) {
        len--;
    }
    return len;
}

void socket_close(struct socket *s, uint16_t code, const char *reason)
{
    char bytes[WS_CONTROL_BYTES_MAX] = {(char)(code >> 8), (char)(code & 0xff)};
    size_t len = close_reason_bytes(reason);

    if (s->state != SOCKET_OPEN) {
        return;
    }
    memcpy(bytes + WS_CLOSE_CODE_BYTES, reason, len);
    set_state(s, SOCKET_CLOSING);
    (void)socket_write_control(s, WS_CLOSE, (struct slice){bytes, WS_CLOSE_CODE_BYTES + len});
}
