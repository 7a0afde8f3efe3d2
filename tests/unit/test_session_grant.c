/* A session lasts as long as its token, and a renewal takes the place of that one or changes
 * nothing. */
#include "tests/unit/node_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/token_maker.h"
#include "wsnode/admission.h"

#define WALL_MS 1700000000000
#define CLAIMS(user, exp) "{\"sub\":\"" user "\",\"jti\":\"t2\",\"exp\":" exp "}"

static int start(void **state)
{
    if (rig_start(state)) {
        return -1;
    }
    rig.config.node_auth = NODE_AUTH_TOKEN;
    rig.config.token_keys = "k1:" SECRET;
    rig.config.token_issuer = rig.config.token_audience = rig.config.token_cookie = "";
    rig.config.token_leeway_ms = 2000;
    rig.config.token_lifetime_max_ms = 86400000;
    rig.node.now_ms = rig.now_ms;
    rig.node.wall_offset_ms = WALL_MS - rig.now_ms;
    return admission_create(&rig.node, NULL) == ERR_OK ? 0 : -1;
}

static int stop(void **state)
{
    int failed = rig_stop(state);

    admission_destroy(&rig.node);
    return failed;
}

static void pass_s(int64_t seconds)
{
    for (int64_t i = 0; i < seconds; i++) {
        rig.now_ms += 1000;
        rig.node.now_ms = rig.now_ms;
        session_grant_on_tick(&rig.node);
    }
}

/* Live with a token that ends after so many seconds. */
static struct session *connect_for(const struct format *format, int64_t seconds)
{
    struct session_handshake h = {.address = {"pc", "home", "u1"},
        .format = format,
        .token = {.user_id = "u1", .id = "t1", .expires_ms = WALL_MS + seconds * 1000}};
    struct socket *socket = &rig.sockets[rig.socket_count++];

    fake_socket_init(socket);
    struct session *s = session_on_open(&rig.node, socket, &h, rig.now_ms);
    assert_non_null(s);
    return s;
}

static struct session *live_for(const struct format *format, int64_t seconds)
{
    struct session *s = connect_for(format, seconds);

    rig_open(s, NONE, 0);
    rig_discard_frames(s);
    return s;
}

static void send_auth(struct session *s, const char *claims)
{
    char frame[2048];

    snprintf(frame, sizeof(frame), "{\"type\":\"auth\",\"token\":\"%s\",\"ref\":\"r\"}",
        token_of("{\"alg\":\"HS256\"}", claims, SECRET));
    rig_text(s, frame);
}

static void assert_error(struct session *s, int code)
{
    const char *frame = fake_socket_take(s->socket);
    char expected[64];

    assert_non_null(frame);
    snprintf(expected, sizeof(expected), "{\"type\":\"error\",\"code\":%d,", code);
    assert_memory_equal(frame, expected, strlen(expected));
    assert_non_null(strstr(frame, "\"temporary\":false,\"ref\":\"r\"}"));
}

static void a_session_ends_with_its_token_and_the_leeway(void **state)
{
    struct session *v1 = live_for(&format_v1, 60);
    struct session *plain = live_for(&format_plain, 60);
    struct session *longer = live_for(&format_v1, 61);

    (void)state;
    pass_s(61);
    assert_int_equal(v1->socket->close_code, 0);
    pass_s(1);
    assert_int_equal(v1->socket->close_code, CLOSE_TOKEN_EXPIRED);
    assert_int_equal(plain->socket->close_code, CLOSE_TOKEN_EXPIRED);
    assert_int_equal(longer->socket->close_code, 0);
    pass_s(1);
    assert_int_equal(longer->socket->close_code, CLOSE_TOKEN_EXPIRED);
}

static void a_session_that_is_still_opening_ends_too(void **state)
{
    struct session *s = connect_for(&format_v1, 1);

    (void)state;
    pass_s(3);
    assert_int_equal(s->socket->close_code, CLOSE_TOKEN_EXPIRED);
}

static void connected_tells_when_the_token_ends(void **state)
{
    struct session *s = connect_for(&format_v1, 60);

    (void)state;
    rig_pass(500);
    rig_open(s, NONE, 0);
    const char *frame = fake_socket_take(s->socket);
    assert_non_null(frame);
    assert_non_null(strstr(frame, ",\"expires\":1700000060000,\"expiresIn\":59500}"));
}

static void a_renewal_moves_the_end(void **state)
{
    struct session *s = live_for(&format_v1, 60);

    (void)state;
    send_auth(s, CLAIMS("u1", "1700000090"));
    assert_frame(s, "{\"type\":\"auth\",\"expires\":1700000090000,\"expiresIn\":90000}");
    assert_string_equal(s->grant->id, "t2");
    assert_int_equal(fake_presence.refreshes, 1); /* was the new one revoked? */
    pass_s(91);
    assert_int_equal(s->socket->close_code, 0);
    pass_s(1);
    assert_int_equal(s->socket->close_code, CLOSE_TOKEN_EXPIRED);
}

static void a_renewal_while_opening_is_checked_once_the_session_is_open(void **state)
{
    struct session *s = connect_for(&format_v1, 60);

    (void)state;
    send_auth(s, CLAIMS("u1", "1700000090"));
    assert_int_equal(fake_presence.refreshes, 0);
    rig_open(s, NONE, 0);
    assert_int_equal(fake_presence.refreshes, 1);
}

static void a_bad_renewal_is_told_and_leaves_the_end_where_it_was(void **state)
{
    struct session *s = live_for(&format_v1, 60);

    (void)state;
    send_auth(s, CLAIMS("u2", "1700000090"));
    assert_error(s, 40303);
    send_auth(s, CLAIMS("u1", "1699999990"));
    assert_error(s, 40105);
    rig_text(s, "{\"type\":\"auth\",\"token\":\"x\",\"ref\":\"r\"}");
    assert_error(s, 40104);
    rig_text(s, "{\"type\":\"auth\",\"token\":\"\",\"ref\":\"r\"}");
    assert_error(s, 40104);
    rig_text(s, "{\"type\":\"auth\",\"ref\":\"r\"}");
    assert_error(s, 40007);
    assert_string_equal(s->grant->id, "t1");
    pass_s(62);
    assert_int_equal(s->socket->close_code, CLOSE_TOKEN_EXPIRED);
}

static void a_shorter_token_shortens(void **state)
{
    struct session *s = live_for(&format_v1, 60);

    (void)state;
    send_auth(s, CLAIMS("u1", "1700000010"));
    pass_s(12);
    assert_int_equal(s->socket->close_code, CLOSE_TOKEN_EXPIRED);
}

static void a_revoked_token_is_closed_with_the_callers_reason(void **state)
{
    struct session *opening = connect_for(&format_v1, 60);
    struct session *live = live_for(&format_v1, 60);
    struct registry_opened opened = {.verdict = REGISTRY_REVOKED, .reason = "logged out"};
    struct registry_refreshed refreshed = {.revoked = true};

    (void)state;
    session_after_open(&rig.node, opening, &opened);
    assert_int_equal(opening->socket->close_code, CLOSE_TOKEN_REVOKED);
    assert_string_equal(opening->socket->close_reason, "logged out");
    assert_int_equal(fake_presence.closes, 0); /* it was never registered */
    session_after_refresh(&rig.node, live, &refreshed, live->watermark);
    assert_int_equal(live->socket->close_code, CLOSE_TOKEN_REVOKED);
    assert_string_equal(live->socket->close_reason, "token revoked");
    assert_int_equal(fake_presence.closes, 1);
}

static void topics_are_kept_and_told_apart_from_none(void **state)
{
    struct session *s = live_for(&format_v1, 60);

    (void)state;
    assert_null(s->grant->topics);
    send_auth(s, "{\"sub\":\"u1\",\"exp\":1700000090,\"topics\":[\"news/*\"]}");
    assert_string_equal(s->grant->topics, "news/*\n");
    send_auth(s, "{\"sub\":\"u1\",\"exp\":1700000090,\"topics\":[]}");
    assert_string_equal(s->grant->topics, "");
}

static void sessions_without_tokens_have_nothing_of_it(void **state)
{
    struct session *s;

    (void)state;
    admission_destroy(&rig.node);
    s = rig_live(&format_v1, 0);
    assert_null(s->grant);
    send_auth(s, CLAIMS("u1", "1700000090"));
    assert_error(s, 40014);
    assert_int_equal(rig.node.expiries.count, 0);
}

static void a_closed_session_is_in_no_wheel(void **state)
{
    struct session *s = live_for(&format_v1, 60);

    (void)state;
    session_close(&rig.node, s, CLOSE_DRAINED);
    assert_int_equal(rig.node.expiries.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_session_ends_with_its_token_and_the_leeway),
        TEST(a_session_that_is_still_opening_ends_too),
        TEST(connected_tells_when_the_token_ends),
        TEST(a_renewal_moves_the_end),
        TEST(a_renewal_while_opening_is_checked_once_the_session_is_open),
        TEST(a_bad_renewal_is_told_and_leaves_the_end_where_it_was),
        TEST(a_shorter_token_shortens),
        TEST(a_revoked_token_is_closed_with_the_callers_reason),
        TEST(topics_are_kept_and_told_apart_from_none),
        TEST(sessions_without_tokens_have_nothing_of_it),
        TEST(a_closed_session_is_in_no_wheel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
