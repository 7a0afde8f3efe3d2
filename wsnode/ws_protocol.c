/*
 * What comes in on a session's connection: bytes to frames (ws_frame.c), frames to what they mean
 * for the session and for the connection (RFC 6455 5.5, 7). What goes out is ws_socket.c's matter.
 */
#include "wsnode/ws_protocol.h"

#include <stdlib.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "wsnode/ws_handshake.h"
#include "wsnode/ws_socket.h"

/* A peer that has not answered our close frame so long after it is cut off. */
#define CLOSE_TIMEOUT_MS 5000
/* So long a peer may take to read the last frame. A close(2) with unread bytes of the peer's would
 * send a reset, which can overtake that frame. */
#define END_TIMEOUT_MS 1000

/* From here on nothing can reach the peer's application, so nothing may count as written. */
static void end_session(struct socket *s)
{
    if (s->session) {
        session_on_closed(s->node, s->session);
        s->session = NULL;
    }
}

static void drop(struct socket *s)
{
    end_session(s);
    socket_destroy(s);
}

/* The close frame has been sent by the session's end; what else comes is of no interest (7.1.7). */
static void fail(struct socket *s, enum close_reason reason)
{
    session_close(s->node, s->session, reason);
    end_session(s);
    socket_end(s);
}

static uint16_t code_of(struct slice bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.at;

    if (bytes.len == 0) {
        return 0;
    }
    return (uint16_t)(at[0] << 8 | at[1]);
}

/* 5.5.1: answered with the same code, or done if it is the answer to ours. Then the connection is
 * ours to end (7.1.1). */
static void on_peer_close(struct socket *s, struct slice payload)
{
    struct slice code = {payload.at, payload.len > 0 ? WS_CLOSE_CODE_BYTES : 0};

    if (s->session) {
        session_on_peer_close(s->node, s->session, code_of(code));
    }
    end_session(s);
    if (s->state == SOCKET_OPEN) {
        (void)socket_write_control(s, WS_CLOSE, code);
    }
    socket_end(s);
}

static void on_event(struct socket *s, enum ws_event event, struct slice payload)
{
    bool open = s->state == SOCKET_OPEN;

    switch (event) {
    case WS_MESSAGE:
        if (open) {
            session_on_text(s->node, s->session, payload, clock_mono_ms());
        }
        return;
    case WS_EMPTY: /* there is no end to them, as there is to a message's bytes */
    case WS_PINGED:
    case WS_PONGED:
        if (open) {
            session_on_control(s->node, s->session, clock_mono_ms());
        }
        if (event == WS_PINGED && s->state == SOCKET_OPEN) {
            (void)socket_write_control(s, WS_PONG, payload);
        }
        return;
    case WS_CLOSED:
        on_peer_close(s, payload);
        return;
    case WS_NEEDS_MORE:
    case WS_FAILED:
        return;
    }
}

/* Keeps what a decoder has of a message that is not complete. false: no memory. */
static bool keep(struct socket *s, struct ws_decoder *d)
{
    bool kept = d == s->decoder;

    if (s->state == SOCKET_ENDING || ws_decoder_is_idle(d)) {
        ws_decoder_finish(d);
        if (kept) {
            free(d);
            s->decoder = NULL;
        }
        return true;
    }
    if (!kept) {
        s->decoder = malloc(sizeof(*d));
        if (!s->decoder) {
            ws_decoder_finish(d);
            return false;
        }
        *s->decoder = *d;
    }
    return true;
}

/* false: no memory; the connection cannot go on. */
static bool decode(struct socket *s, struct ws_bytes in)
{
    struct ws_decoder fresh;
    struct ws_decoder *d = s->decoder;
    enum ws_event event;
    struct slice payload = {NULL, 0};

    if (!d) {
        d = &fresh;
        ws_decoder_init(d, (size_t)s->node->config->node_message_max_bytes);
    }
    do {
        event = ws_decoder_next(d, &in, &payload);
        on_event(s, event, payload);
    } while (event != WS_NEEDS_MORE && event != WS_FAILED && s->state != SOCKET_ENDING);
    if (event == WS_FAILED) {
        fail(s, d->failure);
    }
    return keep(s, d);
}

static void on_readable(struct socket *s)
{
    unsigned char *input = s->node->ws->input;
    ssize_t got = wire_read(s->wire, input, INPUT_BYTES_MAX);

    if (got == 0 || (got > 0 && s->state == SOCKET_ENDING)) {
        return;
    }
    if (got < 0) {
        drop(s);
        return;
    }
    if (s->state == SOCKET_OPEN) {
        session_on_alive(s->node, s->session, clock_mono_ms());
    }
    if (!decode(s, (struct ws_bytes){input, (size_t)got})) {
        drop(s);
    }
}

static void on_writable(struct socket *s)
{
    size_t unsent_bytes = s->unsent_bytes;

    s->wants_writable = false;
    socket_continue_writing(s);
    if (s->state == SOCKET_OPEN && s->unsent_bytes != unsent_bytes) {
        session_on_progress(s->node, s->session);
    }
    if (s->state == SOCKET_OPEN && socket_is_free(s)) {
        session_on_writable(s->node, s->session);
    }
    socket_watch(s);
}

static void on_ready(void *owner, unsigned ready)
{
    struct socket *s = owner;

    if (ready & WIRE_BROKEN) {
        drop(s);
        return;
    }
    if (ready & WIRE_WRITABLE) {
        on_writable(s);
    }
    if (ready & WIRE_READABLE) {
        on_readable(s);
    }
}

enum err ws_protocol_create(struct node *n)
{
    struct ws_protocol *ws = calloc(1, sizeof(*ws));

    if (!ws) {
        return ERR_NO_MEMORY;
    }
    ring_init(&ws->rings[SOCKET_OPEN], 0); /* never asked what is due */
    ring_init(&ws->rings[SOCKET_CLOSING], CLOSE_TIMEOUT_MS);
    ring_init(&ws->rings[SOCKET_ENDING], END_TIMEOUT_MS);
    n->ws = ws;
    return ERR_OK;
}

static struct socket *socket_of(struct ring_entry *e)
{
    return (struct socket *)((char *)e - offsetof(struct socket, entry));
}

static void drop_due(struct ring *ring, int64_t now_ms)
{
    struct ring_entry *e;

    while ((e = ring_first_due(ring, now_ms))) {
        drop(socket_of(e));
    }
}

void ws_protocol_close(struct node *n)
{
    if (!n->ws) {
        return;
    }
    for (int state = 0; state < SOCKET_STATE_COUNT; state++) {
        drop_due(&n->ws->rings[state], INT64_MAX);
    }
}

void ws_protocol_destroy(struct node *n)
{
    free(n->ws);
    n->ws = NULL;
}

void ws_protocol_adopt(
    struct node *n, struct wire *wire, const struct session_handshake *h, struct ws_bytes behind)
{
    char answer[HANDSHAKE_ANSWER_BYTES];

    struct socket *s = socket_create(n, wire);
    if (!s) {
        log_limited(
            LOG_WARN, "no memory for a connection", "sessions=%lld", (long long)n->table.count);
        return;
    }
    wire_set_owner(wire, on_ready, s);
    (void)socket_write_raw(s, answer, handshake_answer(h, answer));
    s->session = session_on_open(n, s, h, clock_mono_ms());
    if (!s->session || !decode(s, behind)) {
        drop(s);
        return;
    }
    socket_watch(s);
}

int64_t ws_protocol_count(const struct node *n)
{
    return n->ws->count;
}

void ws_protocol_on_turn_end(struct node *n)
{
    burst_end(&n->ws->burst);
}

void ws_protocol_on_tick(struct node *n, int64_t now_ms)
{
    drop_due(&n->ws->rings[SOCKET_CLOSING], now_ms);
    drop_due(&n->ws->rings[SOCKET_ENDING], now_ms);
}
