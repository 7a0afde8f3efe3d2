/*
 * A wire's TLS on a real pair of sockets that holds little, against a libssl client: what blocks,
 * and goes on later.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "shared/log.h"
#include "tests/unit/certificates.h"
#include "wsnode/wire_tls.h"

#define DAY_S 86400L
#define MUCH_BYTES 300000
#define READ_BYTES 4096

static char directory[] = "/tmp/test_wire_tls.XXXXXX";
static char cert[64], key[64];
static struct config config = {.node_internal_tls_cert = "",
    .node_internal_tls_key = "",
    .node_internal_tls_client_ca = "",
    .node_tls_cert = cert,
    .node_tls_key = key};
static struct tls *tls;
static SSL_CTX *server_ctx, *client_ctx;
static unsigned char much[MUCH_BYTES], copy[MUCH_BYTES], came[MUCH_BYTES];

static int set_up_all(void **state)
{
    struct issuer issuer = issuer_create("ca");
    struct problem p;

    (void)state;
    log_init("test_wire_tls", LOG_ERROR);
    assert_non_null(mkdtemp(directory));
    snprintf(cert, sizeof(cert), "%s/cert", directory);
    snprintf(key, sizeof(key), "%s/key", directory);
    issuer_sign(&issuer, "node", KEY_EC, DAY_S, cert, key);
    issuer_destroy(&issuer);
    assert_int_equal(tls_create(&config, &tls, &p), ERR_OK);
    server_ctx = wire_tls_context(tls);
    client_ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(server_ctx);
    SSL_CTX_set_mode(client_ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);
    for (size_t i = 0; i < MUCH_BYTES; i++) {
        much[i] = (unsigned char)(i * 31 + i / 251);
    }
    memcpy(copy, much, MUCH_BYTES);
    return 0;
}

static int tear_down_all(void **state)
{
    (void)state;
    SSL_CTX_free(client_ctx);
    SSL_CTX_free(server_ctx);
    tls_destroy(tls);
    unlink(cert);
    unlink(key);
    return rmdir(directory);
}

/* A wire and its peer. */
struct pair {
    struct wire_tls wire;
    SSL *client;
    int fds[2];
};

static void open_pair(struct pair *p)
{
    int little = 4096;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds), 0);
    setsockopt(p->fds[0], SOL_SOCKET, SO_SNDBUF, &little, sizeof(little));
    assert_true(wire_tls_init(&p->wire, server_ctx, p->fds[0]));
    p->client = SSL_new(client_ctx);
    assert_int_equal(SSL_set_fd(p->client, p->fds[1]), 1);
    SSL_set_connect_state(p->client);
}

static int client_read(struct pair *p, void *bytes, size_t max)
{
    ERR_clear_error();
    return SSL_read(p->client, bytes, (int)max);
}

static int client_write(struct pair *p, const void *bytes, size_t len)
{
    ERR_clear_error();
    return SSL_write(p->client, bytes, (int)len);
}

static void set_up(struct pair *p)
{
    unsigned char byte;

    open_pair(p);
    while (!SSL_is_init_finished(p->client) || !SSL_is_init_finished(p->wire.ssl)) {
        (void)client_read(p, &byte, 1);
        assert_int_equal(wire_tls_read(&p->wire, &byte, 1), 0);
    }
}

static void tear_down(struct pair *p)
{
    wire_tls_finish(&p->wire);
    SSL_free(p->client);
    close(p->fds[0]);
    close(p->fds[1]);
}

/* What comes, in *got, until there is nothing for now. Returns what the last read did. */
static int take_all(struct pair *p, size_t *got)
{
    int more;

    while ((more = client_read(p, came + *got, MUCH_BYTES - *got)) > 0) {
        *got += (size_t)more;
    }
    return SSL_get_error(p->client, more);
}

static void much_comes_whole_through_a_socket_that_takes_little(void **state)
{
    struct pair p;
    size_t taken = 0;
    size_t got = 0;
    int blocked = 0;

    (void)state;
    set_up(&p);
    while (taken < MUCH_BYTES) {
        const unsigned char *bytes =
            blocked % 2 ? copy : much; /* the bytes count, not their place */
        ssize_t more = wire_tls_write(&p.wire, bytes + taken, MUCH_BYTES - taken);
        assert_true(more >= 0);
        taken += (size_t)more;
        blocked += taken < MUCH_BYTES;
        (void)take_all(&p, &got);
    }
    (void)take_all(&p, &got);
    assert_true(blocked > 2);
    assert_int_equal(got, MUCH_BYTES);
    assert_memory_equal(came, much, MUCH_BYTES);
    tear_down(&p);
}

static void bytes_behind_a_read_are_told_of(void **state)
{
    struct pair p;

    (void)state;
    set_up(&p);
    assert_false(wire_tls_has_bytes(&p.wire));
    assert_int_equal(client_write(&p, much, 3 * READ_BYTES), 3 * READ_BYTES);
    for (size_t at = 0; at < 3 * READ_BYTES; at += READ_BYTES) {
        assert_int_equal(wire_tls_read(&p.wire, came + at, READ_BYTES), READ_BYTES);
        assert_int_equal(wire_tls_has_bytes(&p.wire), at < 2 * READ_BYTES);
    }
    assert_memory_equal(came, much, 3 * READ_BYTES);
    assert_int_equal(wire_tls_read(&p.wire, came, READ_BYTES), 0);
    tear_down(&p);
}

/* Each costs some microseconds, so that a peer could keep a read from returning for ever. */
static void key_updates_take_a_read_each(void **state)
{
    struct pair p;
    int reads = 0;
    ssize_t got;

    (void)state;
    set_up(&p);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(SSL_key_update(p.client, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(p.client), 1);
    }
    assert_int_equal(client_write(&p, "x", 1), 1);
    while ((got = wire_tls_read(&p.wire, came, READ_BYTES)) == 0) {
        reads++;
    }
    assert_int_equal(got, 1);
    assert_int_equal(reads, 20);
    tear_down(&p);
}

/* Our own update must not get into the record that is half written. */
static void key_update_asked_for_while_a_write_is_blocked_breaks_nothing(void **state)
{
    struct pair p;
    size_t got = 0;

    (void)state;
    set_up(&p);
    ssize_t taken = wire_tls_write(&p.wire, much, MUCH_BYTES);
    assert_in_range(taken, 0, MUCH_BYTES - 1);
    assert_int_equal(SSL_key_update(p.client, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_do_handshake(p.client), 1);
    assert_int_equal(client_write(&p, "x", 1), 1);
    while (got < MUCH_BYTES) {
        assert_true(wire_tls_read(&p.wire, came, 1) >= 0);
        (void)take_all(&p, &got);
        ssize_t more = wire_tls_write(&p.wire, much + taken, MUCH_BYTES - (size_t)taken);
        assert_true(more >= 0);
        taken += more;
        (void)take_all(&p, &got);
    }
    assert_memory_equal(came + 1, much + 1, MUCH_BYTES - 1);
    tear_down(&p);
}

static void end_waits_until_the_socket_takes_it(void **state)
{
    struct pair p;
    size_t got = 0;
    char filler[512] = "";
    int fillers = 0;

    (void)state;
    set_up(&p);
    while (wire_tls_write(&p.wire, filler, sizeof(filler)) == sizeof(filler)) {
        fillers++;
    }
    /* The last one is half written; let it through, and the socket be full all the same. */
    (void)take_all(&p, &got);
    assert_int_equal(wire_tls_write(&p.wire, filler, sizeof(filler)), sizeof(filler));
    while (send(p.fds[0], filler, 1, 0) == 1) {
    }
    assert_false(wire_tls_end(&p.wire));
    char garbage[65536];
    while (recv(p.fds[1], garbage, sizeof(garbage), 0) > 0) {
    }
    assert_true(wire_tls_end(&p.wire));
    assert_true(recv(p.fds[1], garbage, sizeof(garbage), 0) > 0);
    assert_true(fillers > 0 && wire_tls_end(&p.wire));
    assert_int_equal(recv(p.fds[1], garbage, sizeof(garbage), 0), -1);
    tear_down(&p);
}

static void peer_sees_the_end_behind_all_bytes_and_may_still_send(void **state)
{
    struct pair p;
    size_t got = 0;

    (void)state;
    set_up(&p);
    assert_int_equal(wire_tls_write(&p.wire, "bye", 3), 3);
    assert_true(wire_tls_end(&p.wire));
    assert_int_equal(take_all(&p, &got), SSL_ERROR_ZERO_RETURN);
    assert_int_equal(got, 3);
    assert_int_equal(client_write(&p, "late", 4), 4);
    assert_int_equal(wire_tls_read(&p.wire, came, READ_BYTES), 4);
    (void)SSL_shutdown(p.client);
    assert_int_equal(wire_tls_read(&p.wire, came, READ_BYTES), -1);
    tear_down(&p);
}

static void plain_bytes_end_it(void **state)
{
    static const char plain[] = "GET / HTTP/1.1\r\n\r\n";
    struct pair p;

    (void)state;
    open_pair(&p);
    assert_int_equal(send(p.fds[1], plain, strlen(plain), 0), strlen(plain));
    assert_int_equal(wire_tls_read(&p.wire, came, READ_BYTES), -1);
    tear_down(&p);
}

static void handshake_that_cannot_write_waits_for_writing(void **state)
{
    struct pair p;
    char filler[1] = "";
    unsigned char byte;

    (void)state;
    open_pair(&p);
    (void)SSL_do_handshake(p.client);
    while (send(p.fds[0], filler, 1, 0) == 1) {
    }
    assert_int_equal(wire_tls_needs(&p.wire, WIRE_READABLE), WIRE_READABLE);
    assert_int_equal(wire_tls_read(&p.wire, &byte, 1), 0);
    assert_int_equal(wire_tls_needs(&p.wire, WIRE_READABLE), WIRE_WRITABLE);
    assert_int_equal(wire_tls_needs(&p.wire, 0), 0);
    tear_down(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(much_comes_whole_through_a_socket_that_takes_little),
        cmocka_unit_test(bytes_behind_a_read_are_told_of),
        cmocka_unit_test(key_updates_take_a_read_each),
        cmocka_unit_test(key_update_asked_for_while_a_write_is_blocked_breaks_nothing),
        cmocka_unit_test(end_waits_until_the_socket_takes_it),
        cmocka_unit_test(peer_sees_the_end_behind_all_bytes_and_may_still_send),
        cmocka_unit_test(plain_bytes_end_it),
        cmocka_unit_test(handshake_that_cannot_write_waits_for_writing),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
