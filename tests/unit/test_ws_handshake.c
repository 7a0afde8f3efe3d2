/*
 * The opening handshake: what is taken, what is refused and with which status, and that no prefix
 * of a handshake counts as one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wsnode/ws_handshake.h"

#define HEADERS                                                                                    \
    "Host: example.org\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"               \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define GOOD "GET /screenWebsocket/pc/home/u1?lastId=5-1&token=x HTTP/1.1\r\n" HEADERS "\r\n"
#define AT(target) "GET " target " HTTP/1.1\r\n" HEADERS "\r\n"
#define WITH(headers) "GET /websocket/u1 HTTP/1.1\r\n" HEADERS headers "\r\n"

static struct session_handshake take(const char *head)
{
    struct session_handshake h;
    struct problem p;

    assert_int_equal(handshake_parse(slice_of(head), &h, &p), ERR_OK);
    return h;
}

static void refuse(const char *head, enum err expected, const char *field)
{
    struct session_handshake h;
    struct problem p;

    assert_int_equal(handshake_parse(slice_of(head), &h, &p), expected);
    assert_int_equal(p.err, expected);
    assert_string_equal(p.field, field);
    assert_true(p.msg[0] != '\0');
}

static void handshake_gives_address_format_and_last_id(void **state)
{
    (void)state;
    struct session_handshake h = take(GOOD);

    assert_string_equal(h.address.server_client, "pc");
    assert_string_equal(h.address.page, "home");
    assert_string_equal(h.address.user_id, "u1");
    assert_string_equal(h.last_id, "5-1");
    assert_ptr_equal(h.format, &format_plain);
}

static void handshake_decodes_each_segment_once(void **state)
{
    (void)state;
    assert_string_equal(take(AT("/websocket/b+c%40d")).address.user_id, "b+c@d");
    assert_string_equal(take(AT("/websocket/%2541")).address.user_id, "%41");
    assert_string_equal(take(AT("/websocket/a&b;c")).address.user_id, "a&b;c");
    assert_string_equal(take(AT("/websocket/..")).address.user_id, "..");
    refuse(AT("/websocket/a%2Fb"), ERR_BAD_ADDRESS, "userId");
    refuse(AT("/websocket/a%zz"), ERR_BAD_PATH, "userId");
}

static void handshake_chooses_the_first_known_subprotocol(void **state)
{
    (void)state;
    assert_ptr_equal(
        take(WITH("Sec-WebSocket-Protocol: foo, socketsend.v1\r\n")).format, &format_v1);
    assert_ptr_equal(take(WITH("Sec-WebSocket-Protocol: foo\r\n"
                               "sec-websocket-protocol: socketsend.v1\r\n"))
                         .format,
        &format_v1);
    refuse(
        WITH("Sec-WebSocket-Protocol: foo\r\n"), ERR_UNKNOWN_SUBPROTOCOL, "Sec-WebSocket-Protocol");
    refuse(WITH("Sec-WebSocket-Protocol: a/b, socketsend.v1\r\n"), ERR_BAD_UPGRADE,
        "Sec-WebSocket-Protocol");
}

static void places_of_a_token_are_found_as_they_were_written(void **state)
{
    char head[8192];
    char token[4097];

    (void)state;
    struct session_handshake h =
        take(WITH("authorization:  Bearer a.b.c \r\nCookie: a=1; b=2\r\n"));
    assert_true(slice_equal(h.credentials.authorization, "Bearer a.b.c"));
    assert_true(slice_equal(h.credentials.cookies, "a=1; b=2"));
    assert_null(h.credentials.query_token.at);
    h = take(AT("/websocket/u1?token=%61.b&lastId=1-0"));
    assert_true(slice_equal(h.credentials.query_token, "%61.b"));
    assert_null(h.credentials.authorization.at);
    memset(token, 'x', sizeof(token) - 1);
    token[sizeof(token) - 1] = '\0';
    (void)snprintf(
        head, sizeof(head), "GET /websocket/u1?token=%s HTTP/1.1\r\n" HEADERS "\r\n", token);
    assert_int_equal(take(head).credentials.query_token.len, strlen(token));
    refuse(AT("/websocket/u1?token=a&token=a"), ERR_BAD_QUERY, "token");
    refuse(WITH("Authorization: a\r\nAuthorization: a\r\n"), ERR_BAD_UPGRADE, "Authorization");
    refuse(WITH("Cookie: a=1\r\nCookie: a=1\r\n"), ERR_BAD_UPGRADE, "Cookie");
}

static void a_known_subprotocol_is_found_behind_long_and_many_others(void **state)
{
    char head[2048];
    char name[64];

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)snprintf(head, sizeof(head), WITH("Sec-WebSocket-Protocol: %s, %s, %s, %s\r\n"), name,
        name, name, "socketsend.v1");
    assert_ptr_equal(take(head).format, &format_v1);
}

static void assert_answer(const char *head, const char *expected)
{
    char out[HANDSHAKE_ANSWER_BYTES];
    struct session_handshake h = take(head);

    assert_int_equal(handshake_answer(&h, out), strlen(expected));
    assert_string_equal(out, expected);
}

/* The key and what becomes of it are RFC 6455's own example (1.3). */
static void handshake_is_answered_with_its_accept_value_and_format(void **state)
{
    (void)state;
    assert_answer(AT("/websocket/u1"),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    assert_answer(WITH("Sec-WebSocket-Protocol: foo, socketsend.v1\r\n"),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        "Sec-WebSocket-Protocol: socketsend.v1\r\n\r\n");
}

static void plain_requests_are_told_to_upgrade(void **state)
{
    (void)state;
    refuse("GET / HTTP/1.1\r\nHost: x\r\n\r\n", ERR_UPGRADE_REQUIRED, "Upgrade");
    refuse("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n\r\n", ERR_UPGRADE_REQUIRED, "Upgrade");
    refuse("POST /websocket/u1 HTTP/1.1\r\n" HEADERS "\r\n", ERR_WRONG_METHOD, "");
    refuse("CONNECT x:1 HTTP/1.1\r\n\r\n", ERR_WRONG_METHOD, "");
}

static void other_versions_are_told_which_one_it_is(void **state)
{
    (void)state;
    refuse("GET /websocket/u1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
           "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        ERR_UPGRADE_REQUIRED, "Sec-WebSocket-Version");
}

static void what_two_readers_could_see_differently_is_refused(void **state)
{
    (void)state;
    refuse(WITH("Upgrade: h2c\r\n"), ERR_BAD_UPGRADE, "Upgrade");
    refuse(WITH("Host: other\r\n"), ERR_BAD_UPGRADE, "Host");
    refuse(WITH("X: a\r\n folded\r\n"), ERR_BAD_UPGRADE, "");
    refuse(WITH("X : a\r\n"), ERR_BAD_UPGRADE, "");
    refuse(WITH("X: a\nY: b\r\n"), ERR_BAD_UPGRADE, "");
    refuse(WITH("Content-Length: 3\r\n"), ERR_BAD_UPGRADE, "");
    refuse(WITH("Transfer-Encoding: chunked\r\n"), ERR_BAD_UPGRADE, "");
    refuse("GET /websocket/u1 HTTP/1.0\r\n" HEADERS "\r\n", ERR_BAD_UPGRADE, "");
    refuse("GET http://x/websocket/u1 HTTP/1.1\r\n" HEADERS "\r\n", ERR_UNKNOWN_PATH, "");
    refuse(AT("/websocket/u1#f"), ERR_BAD_PATH, "");
}

static void assert_slice(struct slice s, const char *text)
{
    assert_int_equal(s.len, strlen(text));
    assert_memory_equal(s.at, text, s.len);
}

static void handshake_tells_where_it_comes_from(void **state)
{
    (void)state;
    struct session_handshake h = take(AT("/websocket/u1?a=b"));
    assert_int_equal(h.source.url_bytes, strlen("/websocket/u1?a=b"));
    assert_slice(h.source.host, "example.org");
    assert_null(h.source.origin.at);
    assert_int_equal(h.source.forwarded_count, 0);
    assert_false(h.has_client);
    h = take(WITH("origin:  https://a.org \r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2\r\n"));
    assert_slice(h.source.origin, "https://a.org");
    assert_int_equal(h.source.forwarded_count, 1);
    assert_slice(h.source.forwarded_for[0], "1.1.1.1, 2.2.2.2");
    refuse(WITH("Origin: https://a.org\r\nOrigin: https://a.org\r\n"), ERR_BAD_UPGRADE, "Origin");
    assert_non_null(take(WITH("Origin:\r\n")).source.origin.at);
}

static void of_many_forwarding_headers_the_last_ones_are_kept(void **state)
{
    (void)state;
    struct session_handshake h =
        take(WITH("X-Forwarded-For: 1\r\nx-forwarded-for: 2\r\nX-Forwarded-For: 3\r\n"
                  "X-Forwarded-For: 4\r\nX-Forwarded-For: 5\r\nX-Forwarded-For: 6\r\n"));
    assert_int_equal(h.source.forwarded_count, HANDSHAKE_FORWARDED_MAX);
    assert_slice(h.source.forwarded_for[0], "3");
    assert_slice(h.source.forwarded_for[3], "6");
}

static void bad_keys_are_refused(void **state)
{
    static const char *const keys[] = {"",
        "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZ===", "dGhlIHNhbXBsZSBub25jZQ==A",
        "dGhlIHNhbXBsZ*Bub25jZQ=="};
    char head[512];

    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        (void)snprintf(head, sizeof(head),
            "GET /websocket/u1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
            keys[i]);
        refuse(head, ERR_BAD_UPGRADE, "Sec-WebSocket-Key");
    }
}

static void queries_are_checked_whole(void **state)
{
    (void)state;
    assert_string_equal(take(AT("/websocket/u1?")).last_id, "");
    refuse(AT("/websocket/u1?lastId=x"), ERR_BAD_QUERY, "lastId");
    refuse(AT("/websocket/u1?lastId=1-1&lastId=1-1"), ERR_BAD_QUERY, "lastId");
    refuse(AT("/websocket/u1?other=%zz"), ERR_BAD_QUERY, "");
    assert_string_equal(
        take(AT("/websocket/u1?a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a;a&a&a&a&a&lastId=1-1"))
            .last_id,
        "1-1");
}

/* Copied to the heap, so that a sanitizer sees a read past the end. */
static void no_prefix_of_a_handshake_is_one(void **state)
{
    size_t whole = strlen(GOOD);

    (void)state;
    assert_int_equal(handshake_head_bytes(slice_of(GOOD "frames")), whole);
    assert_int_equal(handshake_head_bytes(slice_of("GET / HTTP/1.1\n\nframes")), 16);
    assert_int_equal(handshake_head_bytes(slice_of("GET / HTTP/1.1\n\r\nframes")), 17);
    assert_int_equal(handshake_head_bytes(slice_of("GET / HTTP/1.1\r\n\nframes")), 17);
    assert_int_equal(handshake_head_bytes(slice_of("\r\n\r\n")), 4);
    assert_int_equal(handshake_head_bytes(slice_of("\n\r\r\n\n")), 5);
    for (size_t len = 0; len < whole; len++) {
        char *bytes = malloc(len + 1);
        assert_non_null(bytes);
        memcpy(bytes, GOOD, len);
        assert_int_equal(handshake_head_bytes((struct slice){bytes, len}), 0);
        free(bytes);
    }
}

static void long_heads_blame_the_line_that_is_long(void **state)
{
    struct problem p;

    (void)state;
    assert_int_equal(handshake_refuse_long(slice_of("GET /aaaa"), &p), ERR_URI_TOO_LONG);
    assert_int_equal(
        handshake_refuse_long(slice_of("GET / HTTP/1.1\r\nCookie: aaaa"), &p), ERR_BAD_UPGRADE);
}

/* Found by fuzzing. The head is as long as its memory, so that AddressSanitizer sees who reads on.
 */
static void a_first_line_that_ends_the_head_is_not_read_beyond(void **state)
{
    static const char bytes[] = "G / H\n\n";
    char *head = malloc(strlen(bytes));
    struct session_handshake h;
    struct problem p;

    (void)state;
    assert_non_null(head);
    memcpy(head, bytes, strlen(bytes));
    assert_int_equal(handshake_parse((struct slice){head, strlen(bytes)}, &h, &p), ERR_BAD_UPGRADE);
    free(head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshake_gives_address_format_and_last_id),
        cmocka_unit_test(handshake_decodes_each_segment_once),
        cmocka_unit_test(handshake_chooses_the_first_known_subprotocol),
        cmocka_unit_test(places_of_a_token_are_found_as_they_were_written),
        cmocka_unit_test(a_known_subprotocol_is_found_behind_long_and_many_others),
        cmocka_unit_test(handshake_is_answered_with_its_accept_value_and_format),
        cmocka_unit_test(plain_requests_are_told_to_upgrade),
        cmocka_unit_test(other_versions_are_told_which_one_it_is),
        cmocka_unit_test(what_two_readers_could_see_differently_is_refused),
        cmocka_unit_test(handshake_tells_where_it_comes_from),
        cmocka_unit_test(of_many_forwarding_headers_the_last_ones_are_kept),
        cmocka_unit_test(bad_keys_are_refused),
        cmocka_unit_test(queries_are_checked_whole),
        cmocka_unit_test(no_prefix_of_a_handshake_is_one),
        cmocka_unit_test(a_first_line_that_ends_the_head_is_not_read_beyond),
        cmocka_unit_test(long_heads_blame_the_line_that_is_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
