/*
 * socket.h on libwebsockets: frames, pings and the close frame go out here.
 */
#include "wsnode/ws_socket.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "shared/clock.h"

_Static_assert(PAYLOAD_HEADROOM_BYTES >= LWS_PRE, "frames' headers are written before payloads");

struct socket *socket_create(struct node *n)
{
    struct socket *s = calloc(1, sizeof(*s));

    if (s) {
        s->node = n;
        n->ws->count++;
    }
    return s;
}

void socket_destroy(struct socket *s)
{
    s->node->ws->count--;
    if (s->message) {
        buf_finish(s->message);
        free(s->message);
    }
    free(s->close_reason);
    free(s);
}

struct ring *socket_ring(struct socket *s)
{
    return s->close_code ? &s->node->ws->closings : &s->node->ws->endings;
}

void socket_cut(struct socket *s)
{
    (void)shutdown(lws_get_socket_fd(s->wsi), SHUT_RDWR);
}

enum socket_write socket_write_text(struct socket *s, struct payload *payload)
{
    if (lws_write(s->wsi, payload_bytes(payload), payload->len, LWS_WRITE_TEXT) < 0) {
        socket_cut(s);
        return SOCKET_BROKEN;
    }
    return lws_partial_buffered(s->wsi) ? SOCKET_BUFFERED : SOCKET_WRITTEN;
}

bool socket_is_free(const struct socket *s)
{
    return !lws_partial_buffered(s->wsi);
}

void socket_want_writable(struct socket *s)
{
    lws_callback_on_writable(s->wsi);
}

enum socket_write socket_ping(struct socket *s)
{
    unsigned char empty[LWS_PRE + 1] = {0};

    if (lws_write(s->wsi, empty + LWS_PRE, 0, LWS_WRITE_PING) < 0) {
        socket_cut(s);
        return SOCKET_BROKEN;
    }
    return lws_partial_buffered(s->wsi) ? SOCKET_BUFFERED : SOCKET_WRITTEN;
}

/* A reason that fits; cut at a character's edge where it is too long. */
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

/* RFC 6455 5.5.1: a final, unmasked frame of opcode 8, in it the code and the reason. */
void socket_send_close(struct socket *s, const char *reason)
{
    unsigned char bytes[LWS_PRE + 4 + CLOSE_REASON_BYTES_MAX];
    unsigned char *frame = bytes + LWS_PRE;
    size_t len = close_reason_bytes(reason);

    frame[0] = 0x88;
    frame[1] = (unsigned char)(2 + len);
    frame[2] = (unsigned char)(s->close_code >> 8);
    frame[3] = (unsigned char)(s->close_code & 0xff);
    memcpy(frame + 4, reason, len);
    s->close_sent = true;
    /* LWS_WRITE_HTTP: the bytes as they are. There is no public name for a close frame. */
    if (lws_write(s->wsi, frame, 4 + len, LWS_WRITE_HTTP) < 0) {
        socket_cut(s);
    }
}

/*
 * The close frame is written here and not left to libwebsockets: on libuv, its debug build (which
 * is what Debian has) closes twice, "to test that", and the second time drops the frame.
 */
void socket_close(struct socket *s, uint16_t code, const char *reason)
{
    if (s->close_code) {
        return;
    }
    s->close_code = code;
    ring_add(socket_ring(s), &s->closing, clock_mono_ms());
    if (socket_is_free(s)) {
        socket_send_close(s, reason);
        return;
    }
    s->close_reason = strdup(reason); /* no memory: the code alone must do */
    socket_want_writable(s);
}
