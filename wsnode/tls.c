/*
 * Hands each handshake the certificate and the CAs that are in force. They are not put into the
 * listener's SSL_CTX: there, an old certificate of another key type would stay beside a new one.
 */
#include "wsnode/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "shared/log.h"
#include "wsnode/stats.h"

/* 64 kB: what follows is, at most, a client's certificates. */
#define DRAIN_READS_MAX 16

/* A listener, and what it hands out. */
struct side {
    struct tls_files files;
    SSL_CTX *loaded; /* owned; NULL: this listener has no TLS */
    const char *name;
    enum node_stat failures;
    enum node_stat expiry;
};

struct tls {
    struct side sides[TLS_LISTENERS];
};

static const struct side plain_sides[TLS_LISTENERS] = {
    [TLS_INTERNAL] = {.name = "internal",
        .failures = NODE_STAT_tls_failed_internal,
        .expiry = NODE_STAT_cert_expires_internal},
};

enum err tls_create(const struct config *config, struct tls **out, struct problem *p)
{
    struct tls *t = malloc(sizeof(*t));
    enum err err = ERR_OK;

    if (!t) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    memcpy(t->sides, plain_sides, sizeof(plain_sides));
    for (int end = 0; end < TLS_LISTENERS && !err; end++) {
        struct side *side = &t->sides[end];
        side->files = tls_files_of(config, (enum tls_end)end);
        err = *side->files.cert.path ? tls_files_load(&side->files, &side->loaded, p) : ERR_OK;
    }
    if (err) {
        tls_destroy(t);
        return err;
    }
    *out = t;
    return ERR_OK;
}

void tls_destroy(struct tls *t)
{
    if (!t) {
        return;
    }
    for (int end = 0; end < TLS_LISTENERS; end++) {
        SSL_CTX_free(t->sides[end].loaded);
    }
    free(t);
}

bool tls_is_on(const struct tls *t, enum tls_end end)
{
    return t->sides[end].loaded;
}

static bool use_cert(SSL *ssl, SSL_CTX *loaded)
{
    STACK_OF(X509) *chain = NULL;

    SSL_CTX_get0_chain_certs(loaded, &chain);
    return SSL_use_cert_and_key(ssl, SSL_CTX_get0_certificate(loaded),
               SSL_CTX_get0_privatekey(loaded), chain, 1) == 1;
}

static bool use_ca(SSL *ssl, const SSL_CTX *loaded)
{
    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(SSL_CTX_get_client_CA_list(loaded));

    if (!names) {
        return false;
    }
    SSL_set_client_CA_list(ssl, names);
    return SSL_set1_verify_cert_store(ssl, SSL_CTX_get_cert_store(loaded)) == 1;
}

/* A client has said hello. 0 ends the handshake. */
static int on_hello(SSL *ssl, void *arg)
{
    const struct side *side = arg;

    return use_cert(ssl, side->loaded) && (!*side->files.ca.path || use_ca(ssl, side->loaded));
}

static const char *peer_of(const SSL *ssl, char out[INET6_ADDRSTRLEN])
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer;
    socklen_t len = sizeof(peer);

    (void)snprintf(out, INET6_ADDRSTRLEN, "?");
    if (getpeername(SSL_get_fd(ssl), &peer.any, &len) == 0) {
        bool is_v4 = peer.any.sa_family == AF_INET;
        const void *ip = is_v4 ? (void *)&peer.v4.sin_addr : (void *)&peer.v6.sin6_addr;
        (void)inet_ntop(peer.any.sa_family, ip, out, INET6_ADDRSTRLEN);
    }
    return out;
}

static const char *reason_of(const SSL *ssl, unsigned long error)
{
    long verified = SSL_get_verify_result(ssl);
    const char *reason = verified != X509_V_OK ? X509_verify_cert_error_string(verified)
                                               : ERR_reason_error_string(error);

    return reason ? reason : "unknown";
}

/* What the peer sent behind that which failed. Unread, it would make the kernel reset the
 * connection when it is closed, and the peer might never see the alert that tells it why. */
static void drain(int fd)
{
    char rest[4096];

    for (int i = 0; i < DRAIN_READS_MAX && recv(fd, rest, sizeof(rest), MSG_DONTWAIT) > 0; i++) {
        continue;
    }
}

/* libwebsockets says nothing of handshakes that fail. One that only waits leaves no error, and one
 * that ends at once is a load balancer that looks whether somebody listens. */
static void on_info(const SSL *ssl, int where, int result)
{
    const struct side *side = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    unsigned long error = ERR_peek_last_error();
    char peer[INET6_ADDRSTRLEN];

    if (where != SSL_CB_ACCEPT_EXIT || result > 0 || error == 0 ||
        ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        return;
    }
    stats_add(&node_stats[side->failures], 1);
    log_limited(LOG_WARN, "TLS handshake failed", "listener=%s peer=%s why=\"%s\"", side->name,
        peer_of(ssl, peer), reason_of(ssl, error));
    drain(SSL_get_fd(ssl));
}

static void ask_for_certificates(SSL_CTX *ctx)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
}

enum err tls_serve(struct tls *t, enum tls_end end, SSL_CTX *ctx)
{
    struct side *side = &t->sides[end];

    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
        return ERR_INTERNAL;
    }
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_cert_cb(ctx, on_hello, side);
    SSL_CTX_set_app_data(ctx, side);
    SSL_CTX_set_info_callback(ctx, on_info);
    if (*side->files.ca.path) {
        ask_for_certificates(ctx);
    }
    stats_set(&node_stats[side->expiry], tls_files_expiry_s(side->loaded));
    return ERR_OK;
}

static void reload(struct side *side)
{
    SSL_CTX *loaded;
    struct problem p;

    if (tls_files_load(&side->files, &loaded, &p)) {
        log_error("certificate not loaded, the one before stays",
            "listener=%s option=%s why=\"%s\"", side->name, p.field, p.msg);
        return;
    }
    SSL_CTX_free(side->loaded);
    side->loaded = loaded;
    tls_files_warn(&side->files, loaded);
    stats_set(&node_stats[side->expiry], tls_files_expiry_s(side->loaded));
    log_info("certificate loaded", "listener=%s file=\"%s\" expires_s=%lld", side->name,
        side->files.cert.path, (long long)tls_files_expiry_s(loaded));
}

void tls_reload(struct tls *t)
{
    for (int end = 0; end < TLS_LISTENERS; end++) {
        if (t->sides[end].loaded) {
            reload(&t->sides[end]);
        }
    }
}

void tls_write(SSL *ssl, const void *bytes, size_t len)
{
    ERR_clear_error();
    (void)SSL_write(ssl, bytes, (int)len);
    ERR_clear_error();
}
