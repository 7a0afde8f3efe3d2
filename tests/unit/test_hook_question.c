/* What the backend is asked about a handshake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "wsnode/hook_question.h"
#include "wsnode/ws_handshake.h"

#define HEAD_BYTES_MAX 8192
#define HEADERS                                                                                    \
    "Host: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                           \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static struct config config;

static int start(void **state)
{
    (void)state;
    config = (struct config){.hook_secret = "", .hook_headers = "Cookie X-Tenant"};
    return 0;
}

static enum err make(const char *path, const char *headers, struct hook_question *out)
{
    char head[HEAD_BYTES_MAX];
    struct session_handshake h;
    struct problem p;

    snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\n" HEADERS "%s\r\n", path, headers);
    assert_int_equal(handshake_parse(slice_of(head), &h, &p), ERR_OK);
    return hook_question_make(out, &config, &h, slice_of(head), &p);
}

static void body_says_who_and_where(void **state)
{
    struct hook_question q;

    (void)state;
    assert_int_equal(
        make("/screenWebsocket/pc/home/J%C3%B6rg%22?token=a%2Bb", "Origin: https://a.b\r\n", &q),
        ERR_OK);
    assert_string_equal(buf_str(&q.body),
        "{\"serverClient\":\"pc\",\"page\":\"home\",\"userId\":\"J\xc3\xb6rg\\\"\","
        "\"origin\":\"https://a.b\",\"token\":\"a+b\"}");
    hook_question_finish(&q);
}

static void only_listed_headers_are_passed_on(void **state)
{
    struct hook_question q;

    (void)state;
    config.hook_secret = "s3cret";
    assert_int_equal(
        make("/websocket/u1", "cookie: sid=1\r\nX-Tenant: t\r\nX-Tenants: no\r\n", &q), ERR_OK);
    assert_int_equal(q.header_count, 4);
    assert_string_equal(q.headers[0], "Content-Type: application/json");
    assert_string_equal(q.headers[1], "X-Socketsend-Secret: s3cret");
    assert_string_equal(q.headers[2], "cookie: sid=1");
    assert_string_equal(q.headers[3], "X-Tenant: t");
    hook_question_finish(&q);
}

static void digest_of(const char *path, const char *headers, unsigned char out[HOOK_DIGEST_BYTES])
{
    struct hook_question q;

    assert_int_equal(make(path, headers, &q), ERR_OK);
    memcpy(out, q.digest, HOOK_DIGEST_BYTES);
    hook_question_finish(&q);
}

static void same_question_has_the_same_digest_and_no_other(void **state)
{
    static const char *const others[][2] = {{"/websocket/u2", "Cookie: a\r\n"},
        {"/websocket/u1", "Cookie: b\r\n"}, {"/websocket/u1?token=t", "Cookie: a\r\n"},
        {"/screenWebsocket/pc/default/u1", "Cookie: a\r\n"}, {"/websocket/u1", ""}};
    unsigned char first[HOOK_DIGEST_BYTES];
    unsigned char other[HOOK_DIGEST_BYTES];

    (void)state;
    digest_of("/websocket/u1", "Cookie: a\r\n", first);
    digest_of("/websocket/u1?lastId=5-0", "X-Other: 1\r\nCookie: a\r\n", other);
    assert_memory_equal(first, other, HOOK_DIGEST_BYTES);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        digest_of(others[i][0], others[i][1], other);
        assert_memory_not_equal(first, other, HOOK_DIGEST_BYTES);
    }
}

static void bad_token_and_too_many_headers_are_refused(void **state)
{
    char headers[HEAD_BYTES_MAX / 2] = "";
    struct hook_question q;

    (void)state;
    assert_int_equal(make("/websocket/u1?token=%zz", "", &q), ERR_BAD_QUERY);
    for (int i = 0; i < HOOK_HEADERS_MAX - 1; i++) {
        strcat(headers, "X-Tenant: t\r\n");
    }
    assert_int_equal(make("/websocket/u1", headers, &q), ERR_OK);
    hook_question_finish(&q);
    strcat(headers, "X-Tenant: t\r\n");
    assert_int_equal(make("/websocket/u1", headers, &q), ERR_BAD_UPGRADE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(body_says_who_and_where, start),
        cmocka_unit_test_setup(only_listed_headers_are_passed_on, start),
        cmocka_unit_test_setup(same_question_has_the_same_digest_and_no_other, start),
        cmocka_unit_test_setup(bad_token_and_too_many_headers_are_refused, start),
    };
    return cmocka_run_group_tests_name("hook_question", tests, NULL, NULL);
}
