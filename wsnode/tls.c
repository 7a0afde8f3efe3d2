/*
 * Hands each handshake the certificate and the CAs that are in force. They are not put into the
 * listener's SSL_CTX: there, an old certificate of another key type would stay beside a new one.
 */
#include "wsnode/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "shared/log.h"
#include "wsnode/stats.h"

/* 64 kB: what follows is, at most, a client's certificates. */
#define DRAIN_READS_MAX 16

#define TICKET_SECRET_BYTES 32
#define TICKET_KEYS_BYTES 80 /* a name, a key for AES and one for HMAC, as OpenSSL wants them */

/* A listener, and what it hands out. */
struct side {
    struct tls_files files;
    SSL_CTX *loaded; /* owned; NULL: this listener has no TLS */
    SSL_CTX *served; /* borrowed from whoever makes its connections; NULL: nobody yet */
    unsigned char ticket_secret[TICKET_SECRET_BYTES];
    const char *name;
    bool is_public; /* anybody can have handshakes fail there */
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
    [TLS_PUBLIC] = {.name = "public",
        .is_public = true,
        .failures = NODE_STAT_tls_failed_public,
        .expiry = NODE_STAT_cert_expires_public},
};

static enum err load(
    struct side *side, const struct config *config, enum tls_end end, struct problem *p)
{
    side->files = tls_files_of(config, end);
    if (!*side->files.cert.path) {
        return ERR_OK;
    }
    if (RAND_bytes(side->ticket_secret, TICKET_SECRET_BYTES) != 1) {
        return problem_set(p, ERR_INTERNAL, "", NULL);
    }
    return tls_files_load(&side->files, &side->loaded, p);
}

enum err tls_create(const struct config *config, struct tls **out, struct problem *p)
{
    struct tls *t = malloc(sizeof(*t));
    enum err err = ERR_OK;

    if (!t) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    memcpy(t->sides, plain_sides, sizeof(plain_sides));
    for (int end = 0; end < TLS_LISTENERS && !err; end++) {
        err = load(&t->sides[end], config, (enum tls_end)end, p);
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
        OPENSSL_cleanse(t->sides[end].ticket_secret, TICKET_SECRET_BYTES);
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

    if (SSL_version(ssl) < TLS1_3_VERSION) {
        SSL_set_options(ssl, SSL_OP_NO_TICKET);
    }
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

static void log_failure(const struct side *side, const SSL *ssl, unsigned long error)
{
    char peer[INET6_ADDRSTRLEN];

    (void)peer_of(ssl, peer);
    if (side->is_public) {
        log_limited(LOG_DEBUG, "TLS handshake failed", "listener=%s peer=%s why=\"%s\"", side->name,
            peer, reason_of(ssl, error));
    } else {
        log_limited(LOG_WARN, "TLS handshake failed", "listener=%s peer=%s why=\"%s\"", side->name,
            peer, reason_of(ssl, error));
    }
}

/* libwebsockets says nothing of handshakes that fail. One that only waits leaves no error, and one
 * that ends at once is a load balancer that looks whether somebody listens. */
static void on_info(const SSL *ssl, int where, int result)
{
    const struct side *side = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    unsigned long error = ERR_peek_last_error();

    if (where != SSL_CB_ACCEPT_EXIT || result > 0 || error == 0 ||
        ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        return;
    }
    stats_add(&node_stats[side->failures], 1);
    log_failure(side, ssl, error);
    drain(SSL_get_fd(ssl));
}

static void ask_for_certificates(SSL_CTX *ctx)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
}

/* The same in all processes that have the secret and the certificate, without a word between them.
 */
static bool make_ticket_keys(const struct side *side, unsigned char keys[TICKET_KEYS_BYTES])
{
    unsigned char print[EVP_MAX_MD_SIZE];
    unsigned print_bytes;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool made = hash && EVP_DigestInit_ex(hash, EVP_shake256(), NULL) == 1 &&
                X509_digest(SSL_CTX_get0_certificate(side->loaded), EVP_sha256(), print,
                    &print_bytes) == 1 &&
                EVP_DigestUpdate(hash, side->ticket_secret, TICKET_SECRET_BYTES) == 1 &&
                EVP_DigestUpdate(hash, print, print_bytes) == 1 &&
                EVP_DigestFinalXOF(hash, keys, TICKET_KEYS_BYTES) == 1;

    EVP_MD_CTX_free(hash);
    return made;
}

/* One ticket per handshake: a page has one WebSocket. */
static bool give_tickets(const struct side *side)
{
    unsigned char keys[TICKET_KEYS_BYTES];
    bool set = make_ticket_keys(side, keys) &&
               SSL_CTX_set_tlsext_ticket_keys(side->served, keys, TICKET_KEYS_BYTES) == 1 &&
               SSL_CTX_set_num_tickets(side->served, 1) == 1;

    OPENSSL_cleanse(keys, sizeof(keys));
    return set;
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
    side->served = ctx;
    if (*side->files.ca.path) {
        ask_for_certificates(ctx);
    } else if (!give_tickets(side)) {
        return ERR_INTERNAL;
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
    if (side->served && !*side->files.ca.path && !give_tickets(side)) {
        log_warn("tickets of the certificate before stay good", "listener=%s", side->name);
    }
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
