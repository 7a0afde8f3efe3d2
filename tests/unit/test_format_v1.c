/* socketsend.v1: the frames byte by byte, and what a client may send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wsnode/format.h"

static const struct format_session session = {"AAAAAAAAAAAAAAAAAAAAAA", {"pc", "home", "u\"1"}};

static int start(void **state)
{
    static struct buf out;

    buf_init(&out, 65536);
    *state = &out;
    return 0;
}

static int stop(void **state)
{
    buf_finish(*state);
    return 0;
}

#define assert_frame(out, text)                                                                    \
    do {                                                                                           \
        assert_int_equal(buf_err(out), ERR_OK);                                                    \
        assert_string_equal(buf_str(out), text);                                                   \
    } while (0)

static void connected_tells_where_the_session_stands(void **state)
{
    struct format_connected c = {.position = {1764000000000, 3},
        .recovered = true,
        .unread = 7,
        .missed = 2,
        .ping_ms = 25000};

    format_v1.connected(&session, &c, *state);
    assert_frame(*state, "{\"type\":\"connected\",\"sessionId\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"key\":"
                         "\"pc:home:u\\\"1\","
                         "\"unread\":7,\"ping\":25000,\"position\":\"1764000000000-3\","
                         "\"recovered\":true,\"missed\":2}");
    buf_reset(*state);
    format_v1.connected(&session, &(struct format_connected){.ping_ms = 1000}, *state);
    assert_frame(*state,
        "{\"type\":\"connected\",\"sessionId\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"key\":\"pc:home:"
        "u\\\"1\","
        "\"unread\":0,\"ping\":1000,\"position\":\"0-0\",\"recovered\":false,\"missed\":0}");
}

static void message_has_id_and_members_and_says_if_it_is_a_replay(void **state)
{
    struct format_message m = {
        .id = {1764000000000, 3}, .payload = slice_of("{\"msgInfo\":\"hi\",\"json\":[1e400]}")};

    format_v1.message(&session, &m, *state);
    assert_frame(*state,
        "{\"type\":\"message\",\"id\":\"1764000000000-3\",\"msgInfo\":\"hi\",\"json\":[1e400]}");
    buf_reset(*state);
    m.replay = true;
    format_v1.message(&session, &m, *state);
    assert_frame(*state,
        "{\"type\":\"message\",\"id\":\"1764000000000-3\",\"msgInfo\":\"hi\",\"json\":[1e400],"
        "\"replay\":true}");
}

static void message_that_is_not_durable_has_no_id(void **state)
{
    struct format_message m = {.payload = slice_of("{\"json\":\"}\"}")};

    format_v1.message(&session, &m, *state);
    assert_frame(*state, "{\"type\":\"message\",\"json\":\"}\"}");
}

static void ping_and_notices(void **state)
{
    format_v1.ping(*state);
    assert_frame(*state, "{\"type\":\"ping\"}");
    buf_reset(*state);
    format_v1.unread_notice(&session, "You have %d", 3, *state);
    assert_frame(*state, "");
    format_v1.echo(&session, slice_of("x"), *state);
    assert_frame(*state, "");
    format_v1.duplicate_notice(&session, "also \"there\"", *state);
    assert_frame(*state, "{\"type\":\"duplicate\",\"msgInfo\":\"also \\\"there\\\"\"}");
}

static void taken_is_told_by_ref_or_with_the_reply(void **state)
{
    format_v1.taken(&session, &(struct format_taken){.ref = slice_of("\"r1\"")}, *state);
    assert_frame(*state, "{\"type\":\"sent\",\"ref\":\"r1\"}");
    buf_reset(*state);
    format_v1.taken(&session, &(struct format_taken){.ref = {NULL, 0}}, *state);
    assert_frame(*state, "");
    format_v1.taken(&session,
        &(struct format_taken){.ref = slice_of("\"r1\""), .reply = slice_of("[1.50]")}, *state);
    assert_frame(*state, "{\"type\":\"reply\",\"ref\":\"r1\",\"json\":[1.50]}");
    buf_reset(*state);
    format_v1.taken(&session, &(struct format_taken){.reply = slice_of("null")}, *state);
    assert_frame(*state, "{\"type\":\"reply\",\"json\":null}");
}

static void error_names_field_and_ref(void **state)
{
    struct problem p;

    (void)problem_set(&p, ERR_BAD_VALUE, "id", "unknown \"id\"");
    format_v1.error(&(struct format_error){.problem = &p}, *state);
    assert_frame(*state, "{\"type\":\"error\",\"code\":40014,\"msg\":\"id: unknown "
                         "\\\"id\\\"\",\"temporary\":false}");
    buf_reset(*state);
    (void)problem_set(&p, ERR_REDIS_DOWN, "", "later");
    format_v1.error(
        &(struct format_error){.problem = &p, .temporary = true, .ref = slice_of("\"r1\"")},
        *state);
    assert_frame(*state,
        "{\"type\":\"error\",\"code\":50301,\"msg\":\"later\",\"temporary\":true,\"ref\":\"r1\"}");
}

static void error_without_a_ref_is_valid_json(void **state)
{
    struct problem p;

    (void)problem_set(&p, ERR_BAD_VALUE, "id", "unknown id");
    format_v1.error(&(struct format_error){.problem = &p, .ref = slice_of("")}, *state);
    assert_frame(*state,
        "{\"type\":\"error\",\"code\":40014,\"msg\":\"id: unknown id\",\"temporary\":false}");
}

static enum err parse(const char *text, struct format_event *event, struct problem *p)
{
    memset(p, 0, sizeof(*p));
    return format_v1.parse(slice_of(text), event, p);
}

static void ack_and_pong_are_understood(void **state)
{
    struct format_event event;
    struct problem p;

    (void)state;
    assert_int_equal(parse("{\"type\":\"ack\",\"id\":\"1764000000000-3\"}", &event, &p), ERR_OK);
    assert_int_equal(event.type, FORMAT_ACK);
    assert_int_equal(event.id.ms, 1764000000000);
    assert_int_equal(event.id.n, 3);
    assert_int_equal(
        parse(" { \"id\" : \"1-0\" , \"type\" : \"\\u0061ck\" } ", &event, &p), ERR_OK);
    assert_int_equal(event.type, FORMAT_ACK);
    assert_int_equal(parse("{\"type\":\"pong\"}", &event, &p), ERR_OK);
    assert_int_equal(event.type, FORMAT_PONG);
}

static void send_is_for_the_application(void **state)
{
    struct format_event event;
    struct problem p;

    (void)state;
    assert_int_equal(
        parse("{\"type\":\"send\",\"to\":\"x\",\"json\": {\"a\":1.0} ,\"ref\":\"7\"}", &event, &p),
        ERR_OK);
    assert_int_equal(event.type, FORMAT_TEXT);
    assert_true(slice_equal(event.text, "{\"a\":1.0}"));
    assert_true(slice_equal(event.ref, "\"7\""));
    assert_true(slice_equal(event.to, "\"x\""));
    assert_true(event.is_json);
    assert_int_equal(parse("{\"type\":\"send\",\"json\":null}", &event, &p), ERR_OK);
    assert_true(slice_equal(event.text, "null"));
    assert_int_equal(event.ref.len, 0);
    assert_int_equal(event.to.len, 0);
}

static void tokens_have_an_end_and_may_be_renewed(void **state)
{
    struct format_connected c = {.expires_ms = 1700000060000, .expires_in_ms = 59500};
    struct format_event event;
    struct problem p;

    format_v1.connected(&session, &c, *state);
    assert_non_null(
        strstr(buf_str(*state), "\"missed\":0,\"expires\":1700000060000,\"expiresIn\":59500}"));
    buf_reset(*state);
    format_v1.renewed(1700000060000, -3, *state);
    assert_frame(*state, "{\"type\":\"auth\",\"expires\":1700000060000,\"expiresIn\":0}");
    assert_int_equal(
        parse("{\"type\":\"auth\",\"token\" : \"a.b-c_d\" ,\"ref\":\"7\"}", &event, &p), ERR_OK);
    assert_int_equal(event.type, FORMAT_AUTH);
    assert_true(slice_equal(event.text, "a.b-c_d"));
    assert_true(slice_equal(event.ref, "\"7\""));
    assert_int_equal(parse("{\"type\":\"auth\",\"token\":\"\"}", &event, &p), ERR_OK);
    assert_true(slice_equal(event.text, ""));
}

static void frames_that_are_not_valid_are_refused(void **state)
{
    static const struct {
        const char *text;
        enum err err;
        const char *field;
    } cases[] = {
        {"", ERR_NOT_JSON, ""},
        {"hello", ERR_NOT_JSON, ""},
        {"[]", ERR_WRONG_TYPE, ""},
        {"{}", ERR_MISSING_FIELD, "type"},
        {"{\"type\":1}", ERR_WRONG_TYPE, "type"},
        {"{\"type\":null}", ERR_WRONG_TYPE, "type"},
        {"{\"type\":\"ACK\",\"id\":\"1-0\"}", ERR_BAD_VALUE, "type"},
        {"{\"type\":\"ack\"}", ERR_MISSING_FIELD, "id"},
        {"{\"type\":\"ack\",\"id\":1}", ERR_WRONG_TYPE, "id"},
        {"{\"type\":\"ack\",\"id\":\"\"}", ERR_BAD_VALUE, "id"},
        {"{\"type\":\"ack\",\"id\":\"1\"}", ERR_BAD_VALUE, "id"},
        {"{\"type\":\"ack\",\"id\":\"01-0\"}", ERR_BAD_VALUE, "id"},
        {"{\"type\":\"ack\",\"id\":\"1-0\",\"id\":\"2-0\"}", ERR_DUPLICATE_FIELD, "id"},
        {"{\"type\":\"ack\",\"id\":\"1-0\",\"x\":1}", ERR_UNKNOWN_FIELD, "x"},
        {"{\"type\":\"pong\",\"id\":\"1-0\"}", ERR_UNKNOWN_FIELD, "id"},
        {"{\"type\":\"send\",\"to\":\"x\"}", ERR_MISSING_FIELD, "json"},
        {"{\"type\":\"send\",\"json\":1,\"to\":7}", ERR_BAD_VALUE, "to"},
        {"{\"type\":\"send\",\"json\":1,\"to\":null}", ERR_BAD_VALUE, "to"},
        {"{\"type\":\"send\",\"json\":1,\"ref\":7}", ERR_BAD_VALUE, "ref"},
        {"{\"type\":\"subscribe\"}", ERR_MISSING_FIELD, "topic"},
        {"{\"type\":\"subscribe\",\"topic\":1}", ERR_WRONG_TYPE, "topic"},
        {"{\"type\":\"subscribe\",\"topic\":\"a:b\"}", ERR_BAD_ADDRESS, "topic"},
        {"{\"type\":\"unsubscribe\",\"topic\":\"\"}", ERR_BAD_ADDRESS, "topic"},
        {"{\"type\":\"unsubscribe\",\"topic\":\"t\",\"x\":1}", ERR_UNKNOWN_FIELD, "x"},
        {"{\"type\":\"auth\"}", ERR_MISSING_FIELD, "token"},
        {"{\"type\":\"auth\",\"token\":7}", ERR_WRONG_TYPE, "token"},
        {"{'type':'pong'}", ERR_NOT_JSON, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct format_event event;
        struct problem p;
        assert_int_equal(parse(cases[i].text, &event, &p), cases[i].err);
        assert_int_equal(p.err, cases[i].err);
        if (*cases[i].field) {
            assert_string_equal(p.field, cases[i].field);
        }
    }
}

static void ref_is_handed_on_even_if_the_frame_is_refused(void **state)
{
    struct format_event event;
    struct problem p;
    char text[400] = "{\"type\":\"nonsense\",\"ref\":\"";

    (void)state;
    assert_int_not_equal(parse("{\"type\":\"nonsense\",\"ref\":\"a\\\"b\"}", &event, &p), ERR_OK);
    assert_true(slice_equal(event.ref, "\"a\\\"b\""));
    assert_int_not_equal(parse("{\"type\":\"nonsense\",\"ref\":17}", &event, &p), ERR_OK);
    assert_null(event.ref.at);
    assert_int_not_equal(parse("{\"ref\":\"a\"", &event, &p), ERR_OK);
    assert_null(event.ref.at);
    memset(text + strlen(text), 'x', 200);
    strcat(text, "\"}");
    assert_int_not_equal(parse(text, &event, &p), ERR_OK);
    assert_null(event.ref.at);
}

/* Each cut lies in memory of exactly its size, so that a sanitizer sees any step beyond it. */
static void truncated_frames_are_refused_at_every_byte(void **state)
{
    static const char *const frames[] = {"{\"type\":\"ack\",\"id\":\"1764000000000-3\"}",
        "{\"type\":\"pong\"}", "{\"type\":\"send\",\"to\":\"\\u00e9\xc3\xa9\",\"json\":[-1.5e3]}"};

    (void)state;
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        for (size_t len = 0; len < strlen(frames[i]); len++) {
            struct format_event event;
            struct problem p;
            char *cut = malloc(len + (len == 0));
            assert_non_null(cut);
            memcpy(cut, frames[i], len);
            assert_int_not_equal(format_v1.parse((struct slice){cut, len}, &event, &p), ERR_OK);
            free(cut);
        }
    }
}

static void deep_frame_is_refused(void **state)
{
    char text[200] = "{\"type\":\"send\",\"json\":";
    struct format_event event;
    struct problem p;

    (void)state;
    memset(text + strlen(text), '[', 40);
    assert_int_equal(parse(text, &event, &p), ERR_TOO_DEEP);
}

static void oversized_frame_is_an_error_and_not_cut(void **state)
{
    struct format_message m = {.id = {1, 0}, .payload = slice_of("{\"json\":\"0123456789\"}")};
    struct buf small;

    (void)state;
    buf_init(&small, 40);
    format_v1.message(&session, &m, &small);
    assert_int_equal(buf_err(&small), ERR_BODY_TOO_LARGE);
    buf_finish(&small);
}

static void presence_names_the_topic_or_the_page(void **state)
{
    const char *names[] = {"u1", "u\"2"};
    struct attendance_list list = {.count = 7, .names = names, .name_count = 2};
    struct attendance_change changes[] = {
        {.user_id = "u1", .is_in = true}, {.user_id = "u2"}, {.user_id = "u3", .is_in = true}};
    struct format_presence p = {.group = "chat/1", .count = 7, .list = &list};

    format_v1.presence(&p, *state);
    assert_frame(*state, "{\"type\":\"presence\",\"topic\":\"chat/1\",\"count\":7,"
                         "\"present\":[\"u1\",\"u\\\"2\"]}");
    buf_reset(*state);
    p = (struct format_presence){
        .group = "pc:ho\"me", .count = 12, .changes = changes, .change_count = 3};
    format_v1.presence(&p, *state);
    assert_frame(*state, "{\"type\":\"presence\",\"serverClient\":\"pc\",\"page\":\"ho\\\"me\","
                         "\"count\":12,\"joined\":[\"u1\",\"u3\"],\"left\":[\"u2\"]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(connected_tells_where_the_session_stands, start, stop),
        cmocka_unit_test_setup_teardown(tokens_have_an_end_and_may_be_renewed, start, stop),
        cmocka_unit_test_setup_teardown(
            message_has_id_and_members_and_says_if_it_is_a_replay, start, stop),
        cmocka_unit_test_setup_teardown(message_that_is_not_durable_has_no_id, start, stop),
        cmocka_unit_test_setup_teardown(ping_and_notices, start, stop),
        cmocka_unit_test_setup_teardown(taken_is_told_by_ref_or_with_the_reply, start, stop),
        cmocka_unit_test_setup_teardown(error_names_field_and_ref, start, stop),
        cmocka_unit_test_setup_teardown(error_without_a_ref_is_valid_json, start, stop),
        cmocka_unit_test_setup_teardown(presence_names_the_topic_or_the_page, start, stop),
        cmocka_unit_test(ack_and_pong_are_understood),
        cmocka_unit_test(send_is_for_the_application),
        cmocka_unit_test(frames_that_are_not_valid_are_refused),
        cmocka_unit_test(ref_is_handed_on_even_if_the_frame_is_refused),
        cmocka_unit_test(truncated_frames_are_refused_at_every_byte),
        cmocka_unit_test(deep_frame_is_refused),
        cmocka_unit_test(oversized_frame_is_an_error_and_not_cut),
    };

    return cmocka_run_group_tests_name("format_v1", tests, NULL, NULL);
}
