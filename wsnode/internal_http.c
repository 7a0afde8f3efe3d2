/*
 * HTTP on libwebsockets for the internal listener. What the library gets wrong is caught here: the
 * secret is checked before anything else of a request counts, lengths are validated, bodies that it
 * cannot decode are refused, and a connection is kept only after a POST that was answered: there is
 * no pipelining, and without the secret there is no second request.
 */
#include "wsnode/internal_http.h"

#include <assert.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "shared/log.h"
#include "shared/parse.h"
#include "wsnode/deliver.h"
#include "wsnode/http_answer.h"
#include "wsnode/loop.h"
#include "wsnode/tls.h"

/* /sessions and the statuses of the largest forward. */
#define ANSWER_BYTES_MAX ((size_t)64 * 1024 * 1024)
/* Longer than senders keep an idle connection, so that it is they who close. */
#define KEEPALIVE_TIMEOUT_S 120
#define TX_PACKET_BYTES 65536

struct internal_http {
    struct lws_protocols protocols[2];
    struct internal_request *awaiting; /* uthash, by delivery */
    int64_t forwards;                  /* held */
};

static struct internal_request *request_create(struct lws *wsi)
{
    struct node *n = lws_context_user(lws_get_context(wsi));
    struct internal_request *r = calloc(1, sizeof(*r));

    if (!r) {
        return NULL;
    }
    r->node = n;
    r->wsi = wsi;
    buf_init(&r->body, (size_t)n->config->node_forward_max_bytes);
    buf_init(&r->answer, ANSWER_BYTES_MAX);
    /* User data, and not the opaque pointer: on_ending() is only called where it is set. */
    lws_set_wsi_user(wsi, r);
    return r;
}

/* From its head to its answer: a forward takes memory for its body, or for what is awaited. */
static void hold_forward(struct internal_request *r)
{
    struct internal_http *http = r->node->internal_http;

    if (!r->route->is_forward) {
        return;
    }
    r->is_held = http->forwards < r->node->config->node_max_forwards;
    r->is_refused = !r->is_held;
    http->forwards += r->is_held;
    node_stat_add(forwards_held, r->is_held);
    node_stat_add(forwards_refused, r->is_refused);
}

static void request_destroy(struct internal_request *r)
{
    r->node->internal_http->forwards -= r->is_held;
    node_stat_add(forwards_held, -r->is_held);
    if (r->delivery) {
        HASH_DELETE(hash, r->node->internal_http->awaiting, r);
        deliver_cancel(r->node, r->delivery);
    }
    lws_set_wsi_user(r->wsi, NULL);
    buf_finish(&r->body);
    buf_finish(&r->answer);
    free(r);
}

/* Answers */

static void answer(struct internal_request *r, const struct http_answer *a)
{
    static const unsigned char headroom[LWS_PRE];

    buf_reset(&r->answer);
    buf_add(&r->answer, headroom, sizeof(headroom));
    http_answer_encode(a, &r->answer);
    if (r->delivery) {
        HASH_DELETE(hash, r->node->internal_http->awaiting, r);
        r->delivery = 0;
        lws_callback_on_writable(r->wsi);
    }
}

void internal_answer(
    struct internal_request *r, int status, const char *content_type, struct slice body)
{
    const struct http_answer a = {
        .status = status, .content_type = content_type, .body = body, .closes = r->closes};

    answer(r, &a);
}

static void fail(struct internal_request *r, const struct problem *p, const char *allow)
{
    struct buf body;

    buf_init(&body, sizeof(*p) * 8);
    http_answer_problem_body(p, &body);
    const struct http_answer a = {.status = err_http_status(p->err),
        .allow = allow,
        .body = {buf_str(&body), body.len},
        .closes = r->closes};
    answer(r, &a);
    buf_finish(&body);
}

void internal_fail(struct internal_request *r, const struct problem *p)
{
    fail(r, p, NULL);
}

void internal_await(struct internal_request *r, uint64_t delivery)
{
    struct problem p;

    buf_finish(&r->body);
    r->delivery = delivery;
    HASH_ADD(hash, r->node->internal_http->awaiting, delivery, sizeof(r->delivery), r);
    if (hash_has(r, hash)) {
        return;
    }
    deliver_cancel(r->node, delivery);
    r->delivery = 0;
    (void)problem_set(&p, ERR_NO_MEMORY, "", NULL);
    internal_fail(r, &p);
}

struct internal_request *internal_find_awaiting(const struct node *n, uint64_t delivery)
{
    struct internal_request *r;

    HASH_FIND(hash, n->internal_http->awaiting, &delivery, sizeof(delivery), r);
    return r;
}

/* What the library's callback returns: not 0 closes the connection. */
static int send_answer(struct internal_request *r)
{
    struct lws *wsi = r->wsi;
    bool closes = r->closes;

    if (buf_err(&r->answer)) {
        log_limited(LOG_ERROR, "answer not sent", "path=%s why=%s", r->route ? r->route->path : "",
            err_name(r->answer.err));
        return -1;
    }
    size_t len = r->answer.len - LWS_PRE;
    unsigned char *bytes = (unsigned char *)r->answer.bytes + LWS_PRE;
    bool sent = lws_write(wsi, bytes, len, LWS_WRITE_HTTP_FINAL) >= 0;
    request_destroy(r);
    if (!sent || closes) {
        return -1;
    }
    return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* Events of libwebsockets */

static int on_head(struct lws *wsi, const char *path)
{
    const char *allow = NULL;
    struct problem p;

    struct internal_request *r = request_create(wsi);
    if (!r) {
        return -1;
    }
    if (internal_check_head(r, path, &allow, &p)) {
        r->closes = true; /* its body, if any, will not be read */
        fail(r, &p, p.err == ERR_WRONG_METHOD ? allow : NULL);
        return send_answer(r);
    }
    if (r->has_body) {
        hold_forward(r);
        return 0;
    }
    r->closes = true;
    r->started = true;
    r->route->run(r);
    return send_answer(r);
}

static int on_body(struct internal_request *r, const void *bytes, size_t len)
{
    if (!r || r->started) {
        return -1;
    }
    if (!r->is_refused) {
        buf_add(&r->body, bytes, len);
    }
    return 0;
}

/*
 * Bytes follow the body, be it that Content-Length was too small or another request: to the library
 * they are a second end of the same body. The connection ends after the answer (RFC 9112 9.3.2).
 */
static int on_excess(struct internal_request *r)
{
    r->closes = true;
    if (r->delivery) {
        deliver_end_wait(r->node, r->delivery); /* else the library would come here in a loop */
    }
    return r->answer.len > 0 ? send_answer(r) : -1;
}

/*
 * The answer goes out when the socket is writable, not from here: the library loops for ever over a
 * pipelined request if the one before is completed in this callback.
 */
static int on_body_end(struct internal_request *r)
{
    struct problem p;

    if (!r) {
        return -1;
    }
    if (r->started) {
        return on_excess(r);
    }
    r->started = true;
    enum err err = buf_err(&r->body);
    if (err || r->is_refused) {
        r->closes = err != ERR_OK;
        (void)problem_set(&p, err ? err : ERR_TOO_MANY_FORWARDS, "", NULL);
        internal_fail(r, &p);
    } else {
        r->route->run(r);
    }
    if (!r->delivery) {
        lws_callback_on_writable(r->wsi);
    }
    return 0;
}

static int on_writable(struct internal_request *r)
{
    return r && r->answer.len > 0 ? send_answer(r) : 0;
}

static void write_beside_library(struct lws *wsi, const void *bytes, size_t len)
{
    if (lws_get_ssl(wsi)) {
        tls_write(lws_get_ssl(wsi), bytes, len);
    } else {
        (void)send(lws_get_socket_fd(wsi), bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

/*
 * libwebsockets begins to close the connection. If that is because the peer has not sent all of its
 * body, in time or ever, it is told so here; the library has no other event for it, and writes
 * nothing any more, but the socket is still whole.
 */
static int on_ending(struct internal_request *r)
{
    struct problem p;

    if (!r || r->started || loop_is_ending(r->node->loop)) {
        return 0;
    }
    r->started = true;
    r->closes = true;
    (void)problem_set(&p, ERR_BAD_LENGTH, "", "the body is shorter than Content-Length");
    internal_fail(r, &p);
    if (buf_err(&r->answer) == ERR_OK) {
        write_beside_library(r->wsi, r->answer.bytes + LWS_PRE, r->answer.len - LWS_PRE);
    }
    return 0;
}

static int on_gone(struct internal_request *r)
{
    if (r) {
        request_destroy(r);
    }
    return 0;
}

static int on_tls_context(struct lws *wsi, SSL_CTX *ctx)
{
    struct node *n = lws_context_user(lws_get_context(wsi));

    return tls_serve(n->tls, TLS_INTERNAL, ctx) ? -1 : 0;
}

static int on_event(
    struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct internal_request *r = user;

    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return r ? -1 : on_head(wsi, in); /* -1: a second request before the answer to the first */
    case LWS_CALLBACK_HTTP_BODY:
        return on_body(r, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return on_body_end(r);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return on_writable(r);
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
        return on_ending(r);
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_WSI_DESTROY:
        return on_gone(r);
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
        return on_tls_context(wsi, user);
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
    case LWS_CALLBACK_RAW_ADOPT:
    case LWS_CALLBACK_RAW_RX:
        return -1;
    default:
        return 0;
    }
}

static struct lws_vhost *listen_on(
    struct node *n, const char *host, uint16_t port, const struct lws_protocols *protocols)
{
    uint64_t v4_only = strchr(host, ':') ? 0 : LWS_SERVER_OPTION_DISABLE_IPV6;
    uint64_t tls = tls_is_on(n->tls, TLS_INTERNAL) ? TLS_VHOST_OPTIONS : 0;
    struct lws_context_creation_info info = {.port = port,
        .iface = host,
        .vhost_name = "internal",
        .protocols = protocols,
        .keepalive_timeout = KEEPALIVE_TIMEOUT_S,
        .alpn = TLS_ALPN,
        .options = v4_only | tls};

    return lws_create_vhost(loop_lws(n->loop), &info);
}

enum err internal_http_create(struct node *n, int number, uint16_t *port, struct problem *p)
{
    char host[NODE_ADDR_BYTES];
    uint16_t first_port;
    const char *listen_at = n->config->node_internal_listen;

    if (parse_host_port(listen_at, host, sizeof(host), &first_port)) {
        return problem_set(
            p, ERR_BAD_VALUE, "node.internal_listen", "node.internal_listen is no ip:port");
    }
    assert(first_port + number <= UINT16_MAX); /* option_check.c sees to it */
    struct internal_http *http = calloc(1, sizeof(*http));
    if (!http) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    http->protocols[0] = (struct lws_protocols){
        .name = "http", .callback = on_event, .tx_packet_size = TX_PACKET_BYTES};
    uint16_t wanted = first_port == 0 ? 0 : (uint16_t)(first_port + number);
    struct lws_vhost *vhost = listen_on(n, host, wanted, http->protocols);
    if (!vhost) {
        free(http);
        return problem_set(
            p, ERR_INTERNAL, "node.internal_listen", "cannot listen on %s, port %u", host, wanted);
    }
    n->internal_http = http;
    *port = (uint16_t)lws_get_vhost_listen_port(vhost);
    return ERR_OK;
}

void internal_http_destroy(struct node *n)
{
    free(n->internal_http);
    n->internal_http = NULL;
}
