/* What consumers find of a client's message: in the stream of a real Redis, and as a call's body.
 */
#include <string.h>

#include "shared/upstream.h"
#include "tests/unit/domain.h"

static struct upstream_message message_of(const char *text, bool is_json)
{
    return (struct upstream_message){.id = "boot-7",
        .session_id = "AAAAAAAAAAAAAAAAAAAAAA",
        .node_id = "n1",
        .address = {"pc", "home", "u\"1"},
        .time_ms = 1764000000123,
        .text = slice_of(text),
        .is_json = is_json};
}

static void add_to_stream(const struct upstream_message *m, int64_t stream_max)
{
    struct command c;

    command_init(&c);
    upstream_add_command(&c, PREFIX, stream_max, m);
    freeReplyObject(run(&c));
}

/* The value of a field of the stream's only entry; NULL: it has none. Borrowed from reply. */
static const char *field(const redisReply *reply, const char *name)
{
    assert_int_equal(reply->elements, 1);
    const redisReply *fields = reply->element[0]->element[1];
    for (size_t i = 0; i < fields->elements; i += 2) {
        if (strcmp(fields->element[i]->str, name) == 0) {
            return fields->element[i + 1]->str;
        }
    }
    return NULL;
}

static void entry_has_a_field_for_each_part(void **state)
{
    struct upstream_message m = message_of("{\"a\": 1.0}", true);

    (void)state;
    m.to = slice_of("\"orders/\\u00e9\"");
    m.ref = slice_of("\"r\\n1\"");
    add_to_stream(&m, 10);
    redisReply *reply = redis_server_ask(&server, "XRANGE %sinbound - +", PREFIX);
    assert_string_equal(field(reply, "id"), "boot-7");
    assert_string_equal(field(reply, "time"), "1764000000123");
    assert_string_equal(field(reply, "sessionId"), "AAAAAAAAAAAAAAAAAAAAAA");
    assert_string_equal(field(reply, "key"), "pc:home:u\"1");
    assert_string_equal(field(reply, "userId"), "u\"1");
    assert_string_equal(field(reply, "serverClient"), "pc");
    assert_string_equal(field(reply, "page"), "home");
    assert_string_equal(field(reply, "node"), "n1");
    assert_string_equal(field(reply, "to"), "orders/\xc3\xa9");
    assert_string_equal(field(reply, "ref"), "r\n1");
    assert_string_equal(field(reply, "json"), "{\"a\": 1.0}");
    assert_null(field(reply, "text"));
    freeReplyObject(reply);
}

static void entry_of_a_plain_text_has_neither_json_nor_what_was_not_given(void **state)
{
    struct upstream_message m = message_of("{not json", false);

    (void)state;
    add_to_stream(&m, 10);
    redisReply *reply = redis_server_ask(&server, "XRANGE %sinbound - +", PREFIX);
    assert_string_equal(field(reply, "text"), "{not json");
    assert_null(field(reply, "json"));
    assert_null(field(reply, "to"));
    assert_null(field(reply, "ref"));
    freeReplyObject(reply);
}

static void stream_is_bounded(void **state)
{
    struct upstream_message m = message_of("1", true);

    (void)state;
    for (int i = 0; i < 500; i++) {
        add_to_stream(&m, 10);
    }
    /* Whole nodes of Redis' tree go: 100 entries each. */
    assert_in_range(redis_server_ask_int(&server, "XLEN %sinbound", PREFIX), 10, 210);
}

static void assert_encoded(const struct upstream_message *m, const char *expected)
{
    struct buf out;

    buf_init(&out, upstream_encoded_bytes_max(m));
    upstream_encode(m, &out);
    assert_int_equal(buf_err(&out), ERR_OK);
    assert_string_equal(buf_str(&out), expected);
    buf_finish(&out);
}

#define HEAD                                                                                       \
    "{\"type\":\"message\",\"id\":\"boot-7\",\"time\":1764000000123,"                              \
    "\"sessionId\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"key\":\"pc:home:u\\\"1\",\"userId\":\"u\\\"1\","   \
    "\"serverClient\":\"pc\",\"page\":\"home\",\"node\":\"n1\""

static void body_is_json_with_what_the_client_wrote(void **state)
{
    struct upstream_message m = message_of("{\"a\": 1.0}", true);

    (void)state;
    assert_encoded(&m, HEAD ",\"json\":{\"a\": 1.0}}");
    m.to = slice_of("\"x\"");
    m.ref = slice_of("\"\\u00e9\"");
    assert_encoded(&m, HEAD ",\"to\":\"x\",\"ref\":\"\\u00e9\",\"json\":{\"a\": 1.0}}");
    m = message_of("\x01\"", false);
    assert_encoded(&m, HEAD ",\"text\":\"\\u0001\\\"\"}");
}

static void body_has_room_for_any_text(void **state)
{
    char text[3000];
    struct upstream_message m = message_of("", false);
    struct buf out;

    (void)state;
    memset(text, 1, sizeof(text));
    m.text = (struct slice){text, sizeof(text)};
    buf_init(&out, upstream_encoded_bytes_max(&m));
    upstream_encode(&m, &out);
    assert_int_equal(buf_err(&out), ERR_OK);
    buf_finish(&out);
}

static void reply_is_the_member_json_of_an_object(void **state)
{
    static const struct {
        const char *body, *reply;
    } cases[] = {
        {"{\"json\": {\"n\":1.0} }", "{\"n\":1.0}"},
        {" {\"a\":1,\"json\":null}", "null"},
        {"{\"a\":1}", ""},
        {"", ""},
        {"[\"json\",1]", ""},
        {"\"json\"", ""},
        {"<html>{\"json\":1}</html>", ""},
        {"{\"json\":1", ""},
        {"{\"json\":1}x", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_slice_equal(upstream_reply_of(slice_of(cases[i].body)), cases[i].reply);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, domain_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(entry_has_a_field_for_each_part),
        TEST(entry_of_a_plain_text_has_neither_json_nor_what_was_not_given),
        TEST(stream_is_bounded),
        TEST(body_is_json_with_what_the_client_wrote),
        TEST(body_has_room_for_any_text),
        TEST(reply_is_the_member_json_of_an_object),
    };

    return cmocka_run_group_tests(tests, domain_start, domain_stop);
}
