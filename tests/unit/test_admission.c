/* Where a handshake's token is looked for, and who is let in with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/token_maker.h"
#include "wsnode/admission.h"
#include "wsnode/ws_handshake.h"

#define NOW_MS 1700000000000
#define HEAD_BYTES_MAX 8192
#define HEADER "{\"alg\":\"HS256\"}"
#define TOKEN_FOR(user) token_of(HEADER, "{\"sub\":\"" user "\",\"exp\":1700000060}", SECRET)
#define HEADERS                                                                                    \
    "Host: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                           \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static struct config config;
static struct node node;

static int start(void **state)
{
    (void)state;
    config = (struct config){.node_auth = NODE_AUTH_TOKEN,
        .token_algorithm = TOKEN_HS256,
        .token_keys = "k1:" SECRET,
        .token_issuer = "",
        .token_audience = "",
        .token_cookie = "sid",
        .token_lifetime_max_ms = 86400000};
    return node_init_tables(&node, &config) || admission_create(&node, NULL) ? -1 : 0;
}

static int stop(void **state)
{
    (void)state;
    admission_destroy(&node);
    return 0;
}

/* The handshake of u1 with this query and these header lines. */
static enum err decide(const char *query, const char *headers, struct session_handshake *h)
{
    char head[HEAD_BYTES_MAX];
    struct problem p = {.err = ERR_OK};

    snprintf(head, sizeof(head), "GET /screenWebsocket/pc/home/u1%s HTTP/1.1\r\n" HEADERS "%s\r\n",
        query, headers);
    assert_int_equal(handshake_parse(slice_of(head), h, &p), ERR_OK);
    enum err err = admission_decide(&node, h, NOW_MS, &p);
    assert_int_equal(p.err, err);
    return err;
}

static enum err decide_with(const char *format_query, const char *format_headers, const char *token)
{
    char query[HEAD_BYTES_MAX];
    char headers[HEAD_BYTES_MAX];
    struct session_handshake h;

    snprintf(query, sizeof(query), *format_query ? "?%s%s" : "", format_query, token);
    snprintf(headers, sizeof(headers), *format_headers ? "%s%s\r\n" : "", format_headers, token);
    return decide(query, headers, &h);
}

static void a_token_is_found_in_each_place(void **state)
{
    const char *token = TOKEN_FOR("u1");

    (void)state;
    assert_int_equal(decide_with("token=", "", token), ERR_OK);
    assert_int_equal(decide_with("lastId=1-0&token=", "", token), ERR_OK);
    assert_int_equal(decide_with("", "Authorization: Bearer ", token), ERR_OK);
    assert_int_equal(decide_with("", "authorization: bearer  ", token), ERR_OK);
    assert_int_equal(decide_with("", "Cookie: sid=", token), ERR_OK);
    assert_int_equal(decide_with("", "Cookie: asid=x; sidx=y;sid=", token), ERR_OK);
}

static void a_handshake_without_a_token_is_refused(void **state)
{
    const char *token = TOKEN_FOR("u1");

    (void)state;
    assert_int_equal(decide_with("", "", ""), ERR_TOKEN_MISSING);
    assert_int_equal(decide_with("", "Authorization: Basic ", token), ERR_TOKEN_MISSING);
    assert_int_equal(decide_with("", "Cookie: other=", token), ERR_TOKEN_MISSING);
    assert_int_equal(decide_with("Token=", "", token), ERR_TOKEN_MISSING);
    config.token_cookie = "";
    assert_int_equal(decide_with("", "Cookie: sid=", token), ERR_TOKEN_MISSING);
}

static void the_first_place_counts_and_no_other_makes_up_for_it(void **state)
{
    const char *good = TOKEN_FOR("u1");
    const char *bad = token_of(HEADER, "{\"sub\":\"u1\",\"exp\":1700000060}", "wrong");
    char query[2048];
    char headers[4096];
    struct session_handshake h;

    (void)state;
    snprintf(query, sizeof(query), "?token=%s", good);
    snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\nCookie: sid=%s\r\n", bad, bad);
    assert_int_equal(decide(query, headers, &h), ERR_OK);
    snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\nCookie: sid=%s\r\n", bad, good);
    assert_int_equal(decide("", headers, &h), ERR_TOKEN_INVALID);
    snprintf(query, sizeof(query), "?token=");
    assert_int_equal(decide(query, headers, &h), ERR_TOKEN_INVALID);
}

static void a_quoted_cookie_and_an_escaped_argument_are_read(void **state)
{
    const char *token = TOKEN_FOR("u1");
    char headers[2048];
    char query[2048];
    struct session_handshake h;

    (void)state;
    snprintf(headers, sizeof(headers), "Cookie: sid=\"%s\"; a=b\r\n", token);
    assert_int_equal(decide("", headers, &h), ERR_OK);
    snprintf(query, sizeof(query), "?token=%%%02x%s", token[0], token + 1);
    assert_int_equal(decide(query, "", &h), ERR_OK);
    assert_int_equal(decide("?token=%zz", "", &h), ERR_TOKEN_INVALID);
}

static void a_token_opens_its_users_place_only_and_is_kept(void **state)
{
    char query[2048];
    struct session_handshake h;

    (void)state;
    assert_int_equal(decide_with("token=", "", TOKEN_FOR("u2")), ERR_TOKEN_ELSEWHERE);
    assert_int_equal(
        decide_with("token=", "",
            token_of(HEADER, "{\"sub\":\"u1\",\"page\":\"shop\",\"exp\":1700000060}", SECRET)),
        ERR_TOKEN_ELSEWHERE);
    snprintf(query, sizeof(query), "?token=%s",
        token_of(HEADER, "{\"sub\":\"u1\",\"jti\":\"t1\",\"exp\":1700000060}", SECRET));
    assert_int_equal(decide(query, "", &h), ERR_OK);
    assert_string_equal(h.token.id, "t1");
    assert_int_equal(h.token.expires_ms, 1700000060000);
}

static void everybody_is_admitted_where_no_tokens_are_asked_for(void **state)
{
    struct session_handshake h;
    struct token token;
    struct address u1 = {"pc", "home", "u1"};

    (void)state;
    admission_destroy(&node);
    config.node_auth = NODE_AUTH_NONE;
    assert_int_equal(admission_create(&node, NULL), ERR_OK);
    assert_int_equal(decide("?token=x", "", &h), ERR_OK);
    assert_int_equal(h.token.expires_ms, 0);
    assert_int_equal(admission_renew(&node, slice_of(TOKEN_FOR("u1")), &u1, NOW_MS, &token, NULL),
        ERR_BAD_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_token_is_found_in_each_place, start, stop),
        cmocka_unit_test_setup_teardown(a_handshake_without_a_token_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(
            the_first_place_counts_and_no_other_makes_up_for_it, start, stop),
        cmocka_unit_test_setup_teardown(
            a_quoted_cookie_and_an_escaped_argument_are_read, start, stop),
        cmocka_unit_test_setup_teardown(
            a_token_opens_its_users_place_only_and_is_kept, start, stop),
        cmocka_unit_test_setup_teardown(
            everybody_is_admitted_where_no_tokens_are_asked_for, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
