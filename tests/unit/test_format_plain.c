/* The frames of a bare WebSocket, byte by byte as docs/protocol.md has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsnode/format.h"

#define SESSION "\"key\":\"pc:home:u1\",\"userId\":\"u1\",\"sessionId\":\"AAAAAAAAAAAAAAAAAAAAAA\""

static const struct format_session session = {"AAAAAAAAAAAAAAAAAAAAAA", {"pc", "home", "u1"}};

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

static void connected_is_type_2(void **state)
{
    struct format_connected c = {.position = {1764000000000, 3}, .unread = 2, .missed = 2};

    format_plain.connected(&session, &c, *state);
    assert_frame(*state, "{\"type\":2,\"forwardSocketUserInfoRequest\":{" SESSION
                         ",\"position\":\"1764000000000-3\"}}");
}

static void durable_message_is_type_1_with_its_id_first(void **state)
{
    struct format_message m = {.id = {1764000000000, 3},
        .payload = slice_of("{\"msgInfo\":\"hi\",\"json\":{\"n\":1.50}}")};

    format_plain.message(&session, &m, *state);
    assert_frame(*state,
        "{\"type\":1,\"forwardSocketUserInfoRequest\":{\"id\":\"1764000000000-3\"," SESSION
        ",\"msgInfo\":\"hi\",\"json\":{\"n\":1.50}}}");
}

static void replayed_message_looks_like_any_other(void **state)
{
    struct format_message m = {.id = {5, 0}, .payload = slice_of("{\"json\":1}"), .replay = true};

    format_plain.message(&session, &m, *state);
    assert_frame(*state,
        "{\"type\":1,\"forwardSocketUserInfoRequest\":{\"id\":\"5-0\"," SESSION ",\"json\":1}}");
}

static void message_that_is_not_durable_has_no_id(void **state)
{
    struct format_message m = {.payload = slice_of(" { \"json\" : null }\n")};

    format_plain.message(&session, &m, *state);
    assert_frame(
        *state, "{\"type\":1,\"forwardSocketUserInfoRequest\":{" SESSION ",\"json\" : null}}");
}

static void empty_payload_leaves_no_comma(void **state)
{
    struct format_message m = {.payload = slice_of("{ }")};

    format_plain.message(&session, &m, *state);
    assert_frame(*state, "{\"type\":1,\"forwardSocketUserInfoRequest\":{" SESSION "}}");
}

static void notices_are_type_3(void **state)
{
    format_plain.unread_notice(&session, "You have %d unread messages", 2, *state);
    assert_frame(*state, "{\"type\":3,\"forwardSocketUserInfoRequest\":{" SESSION
                         ",\"msgInfo\":\"You have 2 unread messages\"}}");
    buf_reset(*state);
    format_plain.duplicate_notice(&session, "elsewhere \"too\"", *state);
    assert_frame(*state, "{\"type\":3,\"forwardSocketUserInfoRequest\":{" SESSION
                         ",\"msgInfo\":\"elsewhere \\\"too\\\"\"}}");
}

static void unread_text_is_no_format_string(void **state)
{
    format_plain.unread_notice(&session, "%s 100% %n %d %d", INT64_MAX, *state);
    assert_frame(*state, "{\"type\":3,\"forwardSocketUserInfoRequest\":{" SESSION
                         ",\"msgInfo\":\"%s 100% %n 9223372036854775807 %d\"}}");
    buf_reset(*state);
    format_plain.unread_notice(&session, "no number", 2, *state);
    assert_frame(*state,
        "{\"type\":3,\"forwardSocketUserInfoRequest\":{" SESSION ",\"msgInfo\":\"no number\"}}");
}

static void echo_is_type_4_with_the_text_escaped(void **state)
{
    format_plain.echo(&session, slice_of("{\"a\":1}\n\\"), *state);
    assert_frame(*state, "{\"type\":4,\"forwardSocketUserInfoRequest\":{" SESSION
                         ",\"msgInfo\":\"{\\\"a\\\":1}\\n\\\\\"}}");
}

static void reply_is_a_message_and_taken_alone_is_not_told(void **state)
{
    format_plain.taken(&session, &(struct format_taken){.reply = {NULL, 0}}, *state);
    assert_frame(*state, "");
    format_plain.taken(&session, &(struct format_taken){.reply = slice_of("{\"a\":1.0}")}, *state);
    assert_frame(
        *state, "{\"type\":1,\"forwardSocketUserInfoRequest\":{" SESSION ",\"json\":{\"a\":1.0}}}");
}

static void address_is_escaped(void **state)
{
    struct format_session odd = {session.session_id, {"p\"c", "h\\", "J\xc3\xbcrgen"}};
    struct format_message m = {.payload = slice_of("{}")};

    format_plain.message(&odd, &m, *state);
    assert_frame(*state,
        "{\"type\":1,\"forwardSocketUserInfoRequest\":{\"key\":\"p\\\"c:h\\\\:J\xc3\xbcrgen\","
        "\"userId\":\"J\xc3\xbcrgen\",\"sessionId\":\"AAAAAAAAAAAAAAAAAAAAAA\"}}");
}

static void has_neither_ping_nor_error_frames(void **state)
{
    struct problem problem = {.err = ERR_NOT_JSON};

    format_plain.ping(*state);
    format_plain.error(&(struct format_error){.problem = &problem}, *state);
    assert_frame(*state, "");
}

static void oversized_frame_is_an_error_and_not_cut(void **state)
{
    struct format_message m = {.payload = slice_of("{\"json\":\"0123456789\"}")};
    struct buf small;

    (void)state;
    buf_init(&small, 100);
    format_plain.message(&session, &m, &small);
    assert_int_equal(buf_err(&small), ERR_BODY_TOO_LARGE);
    buf_finish(&small);
}

static void every_text_is_for_the_application(void **state)
{
    static const char *const texts[] = {"", "hello", "{\"type\":\"ack\",\"id\":\"1-0\"}", "{"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct format_event event;
        struct problem p;
        assert_int_equal(format_plain.parse(slice_of(texts[i]), &event, &p), ERR_OK);
        assert_int_equal(event.type, FORMAT_TEXT);
        assert_true(slice_equal(event.text, texts[i]));
    }
}

static void is_chosen_without_a_subprotocol(void **state)
{
    (void)state;
    assert_ptr_equal(format_find(slice_of("")), &format_plain);
    assert_ptr_equal(format_find(slice_of("  ")), &format_plain);
    assert_ptr_equal(format_find(slice_of("socketsend.v1")), &format_v1);
    assert_ptr_equal(format_find(slice_of("v12.stomp, \tsocketsend.v1 , x")), &format_v1);
    assert_null(format_find(slice_of("v12.stomp")));
    assert_null(format_find(slice_of("SOCKETSEND.V1")));
    assert_null(format_find(slice_of("socketsend.v1x")));
    assert_null(format_find(slice_of(",")));
    assert_null(format_find(slice_of("socketsend.v1 x")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(connected_is_type_2, start, stop),
        cmocka_unit_test_setup_teardown(durable_message_is_type_1_with_its_id_first, start, stop),
        cmocka_unit_test_setup_teardown(replayed_message_looks_like_any_other, start, stop),
        cmocka_unit_test_setup_teardown(message_that_is_not_durable_has_no_id, start, stop),
        cmocka_unit_test_setup_teardown(empty_payload_leaves_no_comma, start, stop),
        cmocka_unit_test_setup_teardown(notices_are_type_3, start, stop),
        cmocka_unit_test_setup_teardown(unread_text_is_no_format_string, start, stop),
        cmocka_unit_test_setup_teardown(echo_is_type_4_with_the_text_escaped, start, stop),
        cmocka_unit_test_setup_teardown(
            reply_is_a_message_and_taken_alone_is_not_told, start, stop),
        cmocka_unit_test_setup_teardown(address_is_escaped, start, stop),
        cmocka_unit_test_setup_teardown(has_neither_ping_nor_error_frames, start, stop),
        cmocka_unit_test(oversized_frame_is_an_error_and_not_cut),
        cmocka_unit_test(every_text_is_for_the_application),
        cmocka_unit_test(is_chosen_without_a_subprotocol),
    };

    return cmocka_run_group_tests_name("format_plain", tests, NULL, NULL);
}
