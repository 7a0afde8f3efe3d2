/*
 * A listener's side of TLS in handshakes that never leave the memory: what clients are shown, who
 * is let in, and what changes when the files do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "shared/log.h"
#include "tests/unit/certificates.h"
#include "wsnode/stats.h"
#include "wsnode/tls.h"

#define DAY_S 86400L

static char directory[] = "/tmp/test_tls.XXXXXX";
static char cert[64], key[64], ca[64], client_cert[64], client_key[64];
static struct issuer issuer, other_issuer;

/* What a listener has: libwebsockets' part is an SSL_CTX that knows nothing yet. */
struct listener {
    struct config config;
    struct tls *tls;
    enum tls_end end;
    SSL_CTX *ctx;
};

static void name_file(char out[64], const char *name)
{
    snprintf(out, 64, "%s/%s", directory, name);
}

static int make_directory(void **state)
{
    (void)state;
    log_init("test_tls", LOG_ERROR);
    assert_non_null(mkdtemp(directory));
    name_file(cert, "cert");
    name_file(key, "key");
    name_file(ca, "ca");
    name_file(client_cert, "client_cert");
    name_file(client_key, "client_key");
    issuer = issuer_create("ca");
    other_issuer = issuer_create("other ca");
    return 0;
}

static int remove_directory(void **state)
{
    const char *const files[] = {cert, key, ca, client_cert, client_key};

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        unlink(files[i]);
    }
    issuer_destroy(&issuer);
    issuer_destroy(&other_issuer);
    return rmdir(directory);
}

static void serve(struct listener *l)
{
    l->ctx = SSL_CTX_new(TLS_server_method());
    assert_int_equal(tls_serve(l->tls, l->end, l->ctx), ERR_OK);
}

static void set_up(struct listener *l, bool asks_for_certificates)
{
    struct problem p;

    l->end = TLS_INTERNAL;
    issuer_sign(&issuer, "first", KEY_EC, DAY_S, cert, key);
    issuer_sign(&issuer, "client", KEY_EC, DAY_S, client_cert, client_key);
    issuer_write(&issuer, ca);
    l->config = (struct config){.node_internal_tls_cert = cert,
        .node_internal_tls_key = key,
        .node_internal_tls_client_ca = asks_for_certificates ? ca : "",
        .node_tls_cert = "",
        .node_tls_key = ""};
    assert_int_equal(tls_create(&l->config, &l->tls, &p), ERR_OK);
    assert_true(tls_is_on(l->tls, TLS_INTERNAL));
    serve(l);
}

static void set_up_public(struct listener *l)
{
    struct problem p;

    l->end = TLS_PUBLIC;
    issuer_sign(&issuer, "first", KEY_EC, DAY_S, cert, key);
    l->config = (struct config){.node_internal_tls_cert = "",
        .node_internal_tls_key = "",
        .node_internal_tls_client_ca = "",
        .node_tls_cert = cert,
        .node_tls_key = key};
    assert_int_equal(tls_create(&l->config, &l->tls, &p), ERR_OK);
    assert_true(tls_is_on(l->tls, TLS_PUBLIC));
    assert_false(tls_is_on(l->tls, TLS_INTERNAL));
    serve(l);
}

static void tear_down(struct listener *l)
{
    SSL_CTX_free(l->ctx);
    tls_destroy(l->tls);
}

/* A client that believes everything. */
static SSL_CTX *make_client(bool has_certificate)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    assert_non_null(ctx);
    if (has_certificate) {
        assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, client_cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, client_key, SSL_FILETYPE_PEM), 1);
    }
    return ctx;
}

static SSL *make_end(SSL_CTX *ctx, BIO *reads, BIO *writes)
{
    SSL *ssl = SSL_new(ctx);

    assert_non_null(ssl);
    BIO_up_ref(reads);
    BIO_up_ref(writes);
    SSL_set_bio(ssl, reads, writes);
    return ssl;
}

/* The name in the certificate that the client was shown; "" where the server refused it. session:
 * what to resume, NULL at first, and then what could be next; or NULL. Returns whether it was. */
static bool shake_hands(
    const struct listener *l, SSL_CTX *client_ctx, SSL_SESSION **session, char shown[64])
{
    BIO *up = BIO_new(BIO_s_mem());
    BIO *down = BIO_new(BIO_s_mem());
    SSL *client = make_end(client_ctx, down, up);
    SSL *server = make_end(l->ctx, up, down);
    int accepted = -1;

    if (session && *session) {
        assert_int_equal(SSL_set_session(client, *session), 1);
        SSL_SESSION_free(*session);
    }
    for (int turn = 0; turn < 5 && accepted != 1; turn++) {
        (void)SSL_connect(client);
        ERR_clear_error();
        accepted = SSL_accept(server);
    }
    (void)SSL_connect(client);        /* in TLS 1.2, the server has the last word */
    (void)SSL_read(client, shown, 0); /* in TLS 1.3, a ticket comes behind the handshake */
    bool resumed = SSL_session_reused(client) == 1;
    shown[0] = '\0';
    X509 *peer = SSL_get1_peer_certificate(client);
    if (accepted == 1 && peer) {
        X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, shown, 64);
    }
    X509_free(peer);
    if (session) {
        *session = SSL_get1_session(client);
        /* A session whose connection broke may not be resumed. */
        SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_set_shutdown(server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    ERR_clear_error();
    SSL_free(client);
    SSL_free(server);
    BIO_free(up);
    BIO_free(down);
    return resumed;
}

static void assert_shown(const struct listener *l, bool has_certificate, const char *expected)
{
    SSL_CTX *client = make_client(has_certificate);
    char shown[64];

    shake_hands(l, client, NULL, shown);
    assert_string_equal(shown, expected);
    SSL_CTX_free(client);
}

static void client_is_shown_the_certificate(void **state)
{
    struct listener l;

    (void)state;
    set_up(&l, false);
    assert_shown(&l, false, "first");
    tear_down(&l);
}

static void new_files_count_once_they_are_asked_for(void **state)
{
    struct listener l;

    (void)state;
    set_up(&l, false);
    issuer_sign(&issuer, "second", KEY_EC, DAY_S, cert, key);
    assert_shown(&l, false, "first");
    tls_reload(l.tls);
    assert_shown(&l, false, "second");
    tear_down(&l);
}

/* A listener may have one certificate per type of key, and then prefers one of them. */
static void certificate_of_another_key_type_leaves_nothing_of_the_one_before(void **state)
{
    static const enum key_type types[] = {KEY_RSA, KEY_EC, KEY_RSA};
    struct listener l;

    (void)state;
    set_up(&l, false);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        char name[] = {'n', (char)('0' + i), '\0'};
        issuer_sign(&issuer, name, types[i], DAY_S, cert, key);
        tls_reload(l.tls);
        assert_shown(&l, false, name);
    }
    tear_down(&l);
}

static void bad_files_change_nothing(void **state)
{
    struct listener l;

    (void)state;
    set_up(&l, true);
    issuer_sign(&issuer, "second", KEY_EC, DAY_S, cert, key);
    unlink(ca);
    tls_reload(l.tls);
    assert_shown(&l, true, "first");
    issuer_write(&issuer, ca);
    issuer_sign(&issuer, "third", KEY_EC, DAY_S, cert, client_key); /* key is the second one's */
    tls_reload(l.tls);
    issuer_sign(&issuer, "client", KEY_EC, DAY_S, client_cert, client_key);
    assert_shown(&l, true, "first");
    tear_down(&l);
}

static void without_a_certificate_from_the_ca_nobody_gets_in(void **state)
{
    struct listener l;

    (void)state;
    set_up(&l, true);
    int64_t failed = stats_get(&node_stats[NODE_STAT_tls_failed_internal]);
    assert_shown(&l, true, "first");
    assert_shown(&l, false, "");
    issuer_sign(&other_issuer, "client", KEY_EC, DAY_S, client_cert, client_key);
    assert_shown(&l, true, "");
    issuer_sign(&issuer, "client", KEY_EC, -DAY_S, client_cert, client_key);
    assert_shown(&l, true, "");
    assert_int_equal(stats_get(&node_stats[NODE_STAT_tls_failed_internal]), failed + 3);
    tear_down(&l);
}

/* In TLS 1.2, where a client knows at once whether it could resume. */
static void ca_that_was_taken_away_counts_no_more(void **state)
{
    struct listener l;
    SSL_SESSION *session = NULL;
    char shown[64];

    (void)state;
    set_up(&l, true);
    SSL_CTX *client = make_client(true);
    SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION);
    shake_hands(&l, client, &session, shown);
    assert_string_equal(shown, "first");
    issuer_write(&other_issuer, ca);
    tls_reload(l.tls);
    shake_hands(&l, client, &session, shown);
    assert_string_equal(shown, "");
    SSL_SESSION_free(session);
    SSL_CTX_free(client);
    tear_down(&l);
}

/* What clients of a version resume: on another worker, which has a context of its own; and once
 * there is another certificate. */
static void assert_resumes(int version, bool elsewhere, bool with_another_certificate)
{
    struct listener l;
    struct listener other_worker;
    SSL_SESSION *session = NULL;
    char shown[64];

    set_up_public(&l);
    other_worker = l;
    serve(&other_worker);
    SSL_CTX *client = make_client(false);
    SSL_CTX_set_max_proto_version(client, version);
    assert_false(shake_hands(&l, client, &session, shown));
    assert_int_equal(shake_hands(&other_worker, client, &session, shown), elsewhere);
    issuer_sign(&issuer, "second", KEY_EC, DAY_S, cert, key);
    tls_reload(l.tls);
    assert_int_equal(shake_hands(&other_worker, client, &session, shown), with_another_certificate);
    SSL_SESSION_free(session);
    SSL_CTX_free(client);
    SSL_CTX_free(other_worker.ctx);
    tear_down(&l);
}

static void tickets_are_good_on_every_worker_until_the_certificate_changes(void **state)
{
    (void)state;
    assert_resumes(TLS1_3_VERSION, true, false);
}

static void nothing_is_resumed_in_tls_1_2(void **state)
{
    (void)state;
    assert_resumes(TLS1_2_VERSION, false, false);
}

static void tls_1_2_is_the_oldest_and_nothing_is_renegotiated(void **state)
{
    struct listener l;

    (void)state;
    set_up(&l, false);
    assert_int_equal(SSL_CTX_get_min_proto_version(l.ctx), TLS1_2_VERSION);
    assert_true(SSL_CTX_get_options(l.ctx) & SSL_OP_NO_RENEGOTIATION);
    tear_down(&l);
}

static void expiry_is_told(void **state)
{
    struct listener l;

    (void)state;
    set_up(&l, false);
    int64_t before_s = stats_get(&node_stats[NODE_STAT_cert_expires_internal]);
    issuer_sign(&issuer, "second", KEY_EC, 3 * DAY_S, cert, key);
    tls_reload(l.tls);
    int64_t after_s = stats_get(&node_stats[NODE_STAT_cert_expires_internal]);
    assert_in_range(after_s - before_s, 2 * DAY_S, 2 * DAY_S + 60);
    tear_down(&l);
}

static void listener_without_files_has_no_tls(void **state)
{
    const struct config c = {.node_internal_tls_cert = "",
        .node_internal_tls_key = "",
        .node_internal_tls_client_ca = "",
        .node_tls_cert = "",
        .node_tls_key = ""};
    struct tls *tls;
    struct problem p;

    (void)state;
    assert_int_equal(tls_create(&c, &tls, &p), ERR_OK);
    tls_reload(tls);
    assert_false(tls_is_on(tls, TLS_INTERNAL));
    assert_false(tls_is_on(tls, TLS_PUBLIC));
    tls_destroy(tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_is_shown_the_certificate),
        cmocka_unit_test(new_files_count_once_they_are_asked_for),
        cmocka_unit_test(certificate_of_another_key_type_leaves_nothing_of_the_one_before),
        cmocka_unit_test(bad_files_change_nothing),
        cmocka_unit_test(without_a_certificate_from_the_ca_nobody_gets_in),
        cmocka_unit_test(ca_that_was_taken_away_counts_no_more),
        cmocka_unit_test(tickets_are_good_on_every_worker_until_the_certificate_changes),
        cmocka_unit_test(nothing_is_resumed_in_tls_1_2),
        cmocka_unit_test(tls_1_2_is_the_oldest_and_nothing_is_renegotiated),
        cmocka_unit_test(expiry_is_told),
        cmocka_unit_test(listener_without_files_has_no_tls),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
