/*
 * A session's connection, on libwebsockets. What the handshake asked for is known before
 * libwebsockets sees it (ws_arrival.c), so nothing but WebSocket upgrades may happen here: plain
 * requests, other upgrades and raw connections end at once.
 */
#include "wsnode/ws_protocol.h"

#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/json.h"
#include "shared/log.h"
#include "wsnode/ws_handshake.h"
#include "wsnode/ws_socket.h"

/* Per session, so small; and at least a control frame (RFC 6455 5.5). Clients say little. */
#define RX_BUFFER_BYTES 256
/* Without it, libwebsockets writes in pieces of the receive buffer's size. */
#define TX_PACKET_BYTES 65536
/* A peer that has not closed its end so long after our close frame is cut off. */
#define CLOSE_TIMEOUT_MS 5000
/* The same after one of libwebsockets', to a peer that broke the protocol. */
#define END_TIMEOUT_MS 1000

/* Events of libwebsockets; what they return is what the callback returns. */

static int on_adopted(struct lws *wsi)
{
    struct node *n = lws_context_user(lws_get_context(wsi));
    struct socket *s = n->ws->adopting;

    s->wsi = wsi;
    lws_set_wsi_user(wsi, s);
    return 0;
}

static int on_established(struct socket *s)
{
    struct ws_protocol *ws = s->node->ws;

    s->session = session_on_open(s->node, s, ws->handshake, clock_mono_ms());
    if (!s->session) {
        return -1;
    }
    ws->adopting = NULL;
    return 0;
}

static int on_message(struct socket *s, struct slice text)
{
    if (!json_utf8_valid(text.at, text.len)) {
        session_close(s->node, s->session, CLOSE_BAD_UTF8);
        return 0;
    }
    session_on_text(s->node, s->session, text, clock_mono_ms());
    return 0;
}

static bool message_add(struct socket *s, struct slice fragment)
{
    if (!s->message) {
        s->message = malloc(sizeof(*s->message));
        if (!s->message) {
            return false;
        }
        buf_init(s->message, (size_t)s->node->config->node_message_max_bytes);
    }
    buf_add(s->message, fragment.at, fragment.len);
    return buf_err(s->message) == ERR_OK;
}

static size_t message_bytes_so_far(const struct socket *s)
{
    return s->message ? s->message->len : 0;
}

/* A piece of a frame: at most RX_BUFFER_BYTES, the end of a frame, or the end of a message. */
static int on_receive(struct socket *s, struct slice piece)
{
    if (s->close_code || !s->session) {
        return 0;
    }
    if (lws_frame_is_binary(s->wsi)) {
        session_close(s->node, s->session, CLOSE_BAD_DATA);
        return 0;
    }
    size_t known = message_bytes_so_far(s) + piece.len + lws_remaining_packet_payload(s->wsi);
    if (known > (size_t)s->node->config->node_message_max_bytes) {
        session_close(s->node, s->session, CLOSE_TOO_BIG);
        return 0;
    }
    bool last = lws_is_final_fragment(s->wsi);
    if (last && !s->message) {
        return on_message(s, piece);
    }
    if (!message_add(s, piece)) {
        return -1;
    }
    if (!last) {
        session_on_alive(s->node, s->session, clock_mono_ms());
        return 0;
    }
    int result = on_message(s, (struct slice){buf_str(s->message), s->message->len});
    buf_finish(s->message);
    free(s->message);
    s->message = NULL;
    return result;
}

static int on_pong(struct socket *s)
{
    if (s->session && !s->close_code) {
        session_on_control(s->node, s->session, clock_mono_ms());
    }
    return 0;
}

static int on_writable(struct socket *s)
{
    if (s->close_sent || !s->session || !socket_is_free(s)) {
        return 0;
    }
    if (s->close_code) {
        socket_send_close(s, s->close_reason ? s->close_reason : "");
    } else {
        session_on_writable(s->node, s->session);
    }
    return 0;
}

/* RFC 6455 7.4: no payload, or a code and text. */
static bool is_close_payload(const unsigned char *payload, size_t len)
{
    return len == 0 || (len >= 2 && (payload[0] << 8 | payload[1]) < 5000 &&
                           json_utf8_valid((const char *)payload + 2, len - 2));
}

/* From here on nothing can reach the peer's application, so nothing may count as written. */
static void end_session(struct socket *s)
{
    if (s->session) {
        session_on_closed(s->node, s->session);
        s->session = NULL;
    }
}

/* It is libwebsockets that closes: it has more patience than we do, also with a stuck peer. */
static void start_ending(struct socket *s)
{
    if (s->closing.due_ms == 0) {
        ring_add(socket_ring(s), &s->closing, clock_mono_ms());
    }
}

static int on_peer_close(struct socket *s, const unsigned char *payload, size_t len)
{
    end_session(s);
    if (s->close_sent) {
        return -1; /* the answer to ours: the connection is done */
    }
    if (is_close_payload(payload, len)) {
        start_ending(s);
        return 0; /* libwebsockets answers with the same, and ends the connection */
    }
    s->close_code = LWS_CLOSE_STATUS_PROTOCOL_ERR;
    socket_send_close(s, "invalid close frame");
    return -1;
}

/*
 * libwebsockets begins to close the connection. Where a frame broke the protocol, it will send its
 * own close frame and wait for the peer's; LWS_CALLBACK_CLOSED comes seconds later.
 */
static int on_ending(struct socket *s)
{
    end_session(s);
    start_ending(s);
    return 0;
}

static int on_closed(struct socket *s)
{
    end_session(s);
    ring_remove(socket_ring(s), &s->closing);
    return 0;
}

static int on_destroy(struct socket *s)
{
    if (!s) {
        return 0;
    }
    (void)on_closed(s); /* libwebsockets has paths without LWS_CALLBACK_CLOSED */
    if (s->node->ws->adopting == s) {
        s->node->ws->adopting = NULL;
    }
    lws_set_wsi_user(s->wsi, NULL);
    socket_destroy(s);
    return 0;
}

static int on_event(
    struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct socket *s = user;

    switch (reason) {
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
        return on_adopted(wsi);
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return s && strcasecmp(in, "websocket") == 0 ? 0 : -1;
    case LWS_CALLBACK_HTTP:
    case LWS_CALLBACK_RAW_ADOPT:
    case LWS_CALLBACK_RAW_RX:
        return -1;
    case LWS_CALLBACK_ESTABLISHED:
        return on_established(s);
    case LWS_CALLBACK_RECEIVE:
        return on_receive(s, (struct slice){in, len});
    case LWS_CALLBACK_RECEIVE_PONG:
        return on_pong(s);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return on_writable(s);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        return on_peer_close(s, in, len);
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
        return on_ending(s);
    case LWS_CALLBACK_CLOSED:
        return on_closed(s);
    case LWS_CALLBACK_WSI_DESTROY:
        return on_destroy(s);
    default:
        /* Not 0 would have effects of its own, down to ending libwebsockets' event pipe. */
        return 0;
    }
}

static struct lws_protocols protocol_of(const struct format *format)
{
    return (struct lws_protocols){.name = format->subprotocol,
        .callback = on_event,
        .rx_buffer_size = RX_BUFFER_BYTES,
        .tx_packet_size = TX_PACKET_BYTES};
}

enum err ws_protocol_create(struct node *n, struct lws_context *context)
{
    /* All zero: no timer per connection. The default arms one, in a list that is sorted. */
    static const lws_retry_bo_t no_timers;

    struct ws_protocol *ws = calloc(1, sizeof(*ws));
    if (!ws) {
        return ERR_NO_MEMORY;
    }
    ws->protocols[0] = protocol_of(&format_plain); /* the first one is for no subprotocol */
    ws->protocols[1] = protocol_of(&format_v1);
    ring_init(&ws->closings, CLOSE_TIMEOUT_MS);
    ring_init(&ws->endings, END_TIMEOUT_MS);

    struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .vhost_name = "public",
        .protocols = ws->protocols,
        .retry_and_idle_policy = &no_timers};
    ws->vhost = lws_create_vhost(context, &info);
    if (!ws->vhost) {
        free(ws);
        return ERR_INTERNAL;
    }
    n->ws = ws;
    return ERR_OK;
}

void ws_protocol_destroy(struct node *n)
{
    free(n->ws);
    n->ws = NULL;
}

/* Whatever the library made of it, a connection without a session does not stay. */
static void drop_adopting(struct node *n)
{
    struct socket *s = n->ws->adopting;

    log_limited(LOG_WARN, "connection not adopted", "sessions=%lld", (long long)n->table.count);
    n->ws->adopting = NULL;
    if (s->wsi) {
        socket_cut(s); /* on_destroy() comes */
    } else {
        socket_destroy(s);
    }
}

/*
 * The library reads its request from memory, in this call: on_adopted() and on_established() come
 * from inside it. Handing it the client's own bytes would mean two readers of them, who differ: its
 * parser waits for ever after a header named X, hangs up over a long Sec-WebSocket-Extensions, and
 * drops the connection if some frames came along with the head.
 */
void ws_protocol_adopt(struct node *n, int fd, const struct session_handshake *h)
{
    char head[HANDSHAKE_REWRITTEN_BYTES];
    size_t len = handshake_rewrite(h, head);

    n->ws->adopting = socket_create(n);
    if (!n->ws->adopting) {
        (void)close(fd);
        return;
    }
    n->ws->handshake = h;
    /* It closes fd if it fails; whether it did is seen by what is left in adopting. */
    (void)lws_adopt_socket_vhost_readbuf(n->ws->vhost, fd, head, len);
    n->ws->handshake = NULL;
    if (n->ws->adopting) {
        drop_adopting(n);
    }
}

int64_t ws_protocol_count(const struct node *n)
{
    return n->ws->count;
}

static void cut_due(struct ring *ring, int64_t now_ms)
{
    struct ring_entry *e;

    while ((e = ring_first_due(ring, now_ms))) {
        ring_remove(ring, e);
        socket_cut((struct socket *)((char *)e - offsetof(struct socket, closing)));
    }
}

void ws_protocol_on_tick(struct node *n, int64_t now_ms)
{
    cut_due(&n->ws->closings, now_ms);
    cut_due(&n->ws->endings, now_ms);
}
