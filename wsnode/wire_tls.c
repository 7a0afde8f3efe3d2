/*
 * The calls of libssl that a wire makes, and what their results mean to it.
 */
#include "wsnode/wire_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

/* One protocol, as the extension has it: its length, and its name (RFC 7301 3.1). */
static const unsigned char protocols[] = "\x08" TLS_ALPN;

/* Who offers protocols and not this one would not get along with us. */
static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_bytes,
    const unsigned char *offered, unsigned offered_bytes, void *arg)
{
    unsigned char *found;

    (void)ssl;
    (void)arg;
    int result = SSL_select_next_proto(
        &found, chosen_bytes, protocols, sizeof(protocols) - 1, offered, offered_bytes);
    *chosen = found;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Buffers that an idle connection does not need are given back. With SSL_MODE_AUTO_RETRY, a peer
 * that sends one key update after another would never let SSL_read() return. */
SSL_CTX *wire_tls_context(struct tls *t)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (!ctx) {
        return NULL;
    }
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    if (tls_serve(t, TLS_PUBLIC, ctx)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

bool wire_tls_init(struct wire_tls *w, SSL_CTX *ctx, int fd)
{
    SSL *ssl = SSL_new(ctx);

    if (!ssl || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        return false;
    }
    SSL_set_accept_state(ssl);
    *w = (struct wire_tls){.ssl = ssl, .read_needs = WIRE_READABLE, .write_needs = WIRE_WRITABLE};
    return true;
}

void wire_tls_finish(struct wire_tls *w)
{
    SSL_free(w->ssl);
}

/* After a call that got nothing done: 0 if it may later, -1 if not. */
static ssize_t cannot(const struct wire_tls *w, unsigned char *needs)
{
    switch (SSL_get_error(w->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
        *needs = WIRE_READABLE;
        return 0;
    case SSL_ERROR_WANT_WRITE:
        *needs = WIRE_WRITABLE;
        return 0;
    default:
        return -1;
    }
}

ssize_t wire_tls_read(struct wire_tls *w, void *bytes, size_t max)
{
    size_t got;

    ERR_clear_error();
    if (SSL_read_ex(w->ssl, bytes, max, &got) != 1) {
        return cannot(w, &w->read_needs);
    }
    w->read_needs = WIRE_READABLE;
    return (ssize_t)got;
}

bool wire_tls_has_bytes(const struct wire_tls *w)
{
    return SSL_pending(w->ssl) > 0;
}

/* Each call of libssl takes a record. */
ssize_t wire_tls_write(struct wire_tls *w, const void *bytes, size_t len)
{
    size_t taken = 0;
    size_t more;

    while (taken < len) {
        ERR_clear_error();
        if (SSL_write_ex(w->ssl, (const char *)bytes + taken, len - taken, &more) != 1) {
            return cannot(w, &w->write_needs) < 0 ? -1 : (ssize_t)taken;
        }
        taken += more;
    }
    w->write_needs = WIRE_WRITABLE;
    return (ssize_t)taken;
}

/* Where it cannot be told, as in the middle of a record, the end has to speak for itself. */
bool wire_tls_end(struct wire_tls *w)
{
    if (w->ended) {
        return true;
    }
    ERR_clear_error();
    int result = SSL_shutdown(w->ssl); /* 0: the peer has not done the same, which is fine */
    w->ended = result >= 0 || SSL_get_error(w->ssl, result) != SSL_ERROR_WANT_WRITE;
    return w->ended;
}

unsigned wire_tls_needs(const struct wire_tls *w, unsigned ready)
{
    unsigned needs = 0;

    needs |= ready & WIRE_READABLE ? w->read_needs : 0;
    needs |= ready & WIRE_WRITABLE ? w->write_needs : 0;
    return needs;
}
