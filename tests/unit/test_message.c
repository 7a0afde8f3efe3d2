/* The fields of POST /socketSend: what is taken, and which error and field each wrong one gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shared/message.h"

#define SESSION "AAAAAAAAAAAAAAAAAAAAAA"
#define OTHER_SESSION "BBBBBBBBBBBBBBBBBBBBBB"

static const struct message_rules rules = {
    .payload_max_bytes = 100, .timeout_max_ms = 30000, .ttl_max_s = 604800};

static enum err parse_by(const struct message_rules *r, const char *json, const char *path,
    struct message *out, struct problem *p)
{
    struct json_object *object;
    enum err err;

    assert_int_equal(json_parse_object(slice_of(json), &object, NULL), ERR_OK);
    err = message_parse(slice_of(json), object, path, r, out, p);
    json_object_put(object);
    return err;
}

/* Parses what must be right; the caller finishes it. */
static struct message parse(const char *json)
{
    struct message m;
    struct problem p = {0};
    enum err err = parse_by(&rules, json, "", &m, &p);

    if (err) {
        fail_msg("%s: %s", json, p.msg);
    }
    return m;
}

static void least_message_has_the_defaults(void **state)
{
    struct message m = parse("{\"userId\":\"u1\",\"msgInfo\":\"hi\"}");

    (void)state;
    assert_string_equal(m.target.user_id, "u1");
    assert_string_equal(m.target.server_client, "");
    assert_string_equal(m.target.session_id, "");
    assert_string_equal(m.message_id, "");
    assert_string_equal(buf_str(&m.payload), "{\"msgInfo\":\"hi\"}");
    assert_int_equal(m.exclude_count, 0);
    assert_true(m.durable);
    assert_int_equal(m.ttl_s, 0);
    assert_int_equal(m.wait, MESSAGE_WAIT_NONE);
    assert_int_equal(m.timeout_ms, 0);
    message_finish(&m);
}

static void full_message_keeps_everything(void **state)
{
    struct message m = parse(
        "{\"userId\":\"u1\",\"serverClient\":\"pc\",\"page\":\"home\",\"messageId\":\"a/b:c\","
        "\"json\":[1],\"msgInfo\":\"i\",\"msgTitle\":\"t\",\"destUrl\":\"d\","
        "\"exclude\":[\"" SESSION "\",\"" OTHER_SESSION "\"],\"durable\":true,\"ttl\":60,"
        "\"wait\":\"ack\",\"timeoutMs\":30000}");

    (void)state;
    assert_string_equal(m.target.server_client, "pc");
    assert_string_equal(m.target.page, "home");
    assert_string_equal(m.message_id, "a/b:c");
    assert_string_equal(buf_str(&m.payload),
        "{\"msgTitle\":\"t\",\"msgInfo\":\"i\",\"destUrl\":\"d\",\"json\":[1]}");
    assert_int_equal(m.exclude_count, 2);
    assert_string_equal(m.exclude[1], OTHER_SESSION);
    assert_int_equal(m.ttl_s, 60);
    assert_int_equal(m.wait, MESSAGE_WAIT_ACK);
    assert_int_equal(m.timeout_ms, 30000);
    message_finish(&m);
}

static void key_is_a_target_in_one_string(void **state)
{
    struct message m = parse("{\"key\":\"pc:home:u1\",\"json\":null}");

    (void)state;
    assert_string_equal(m.target.user_id, "u1");
    assert_string_equal(m.target.server_client, "pc");
    assert_string_equal(m.target.page, "home");
    assert_string_equal(buf_str(&m.payload), "{\"json\":null}");
    message_finish(&m);
}

static void payload_keeps_the_bytes_of_its_values(void **state)
{
    struct message m =
        parse("{ \"json\" : { \"n\" : 1.0e+2, \"big\":123456789012345678901 } ,\"userId\":\"u\","
              "\"msgInfo\":\"\\u00e9 \\/\"}");

    (void)state;
    assert_string_equal(buf_str(&m.payload),
        "{\"msgInfo\":\"\\u00e9 \\/\",\"json\":{ \"n\" : 1.0e+2, \"big\":123456789012345678901 }}");
    message_finish(&m);
}

static void message_to_a_session_is_not_durable_by_default(void **state)
{
    struct message m = parse("{\"userId\":\"u1\",\"sessionId\":\"" SESSION "\",\"json\":1}");

    (void)state;
    assert_false(m.durable);
    assert_string_equal(m.target.session_id, SESSION);
    message_finish(&m);
}

static void message_to_a_topic_is_kept_where_it_has_history(void **state)
{
    struct message_rules kept = rules;
    struct message m;

    (void)state;
    kept.history = "log/*";
    kept.history_ttl_max_s = 60;
    assert_int_equal(
        parse_by(&kept, "{\"topic\":\"log/a\",\"json\":1,\"ttl\":60}", "", &m, NULL), ERR_OK);
    assert_true(m.durable);
    message_finish(&m);
    assert_int_equal(parse_by(&kept, "{\"topic\":\"log/a\",\"json\":1,\"ttl\":61}", "", &m, NULL),
        ERR_OUT_OF_RANGE);
    assert_int_equal(
        parse_by(&kept, "{\"topic\":\"log/a\",\"json\":1,\"durable\":false}", "", &m, NULL),
        ERR_OK);
    assert_false(m.durable);
    message_finish(&m);
    assert_int_equal(parse_by(&kept, "{\"topic\":\"log\",\"json\":1}", "", &m, NULL), ERR_OK);
    assert_false(m.durable);
    message_finish(&m);
    assert_int_equal(
        parse_by(&kept, "{\"serverClient\":\"log\",\"json\":1,\"durable\":true}", "", &m, NULL),
        ERR_BAD_VALUE);
}

static void default_timeout_is_cut_to_the_maximum(void **state)
{
    static const char json[] = "{\"userId\":\"u1\",\"json\":1,\"wait\":\"written\"}";
    struct message_rules short_rules = rules;
    struct message m = parse(json);

    (void)state;
    assert_int_equal(m.timeout_ms, 2000);
    message_finish(&m);
    short_rules.timeout_max_ms = 500;
    assert_int_equal(parse_by(&short_rules, json, "", &m, NULL), ERR_OK);
    assert_int_equal(m.timeout_ms, 500);
    message_finish(&m);
}

static void each_mistake_has_its_error_and_field(void **state)
{
    static const struct {
        const char *json;
        enum err err;
        const char *field;
    } mistakes[] = {
        {"{}", ERR_NO_TARGET, "userId"},
        {"{\"userId\":\"u\",\"json\":1,\"colour\":\"t\"}", ERR_UNKNOWN_FIELD, "colour"},
        {"{\"all\":true,\"json\":1,\"durable\":true}", ERR_BAD_VALUE, "durable"},
        {"{\"topic\":\"t\",\"json\":1,\"durable\":true}", ERR_BAD_VALUE, "durable"},
        {"{\"topic\":\"t\",\"json\":1,\"ttl\":1}", ERR_BAD_VALUE, "ttl"},
        {"{\"userId\":\"u\",\"key\":\"a:b:u\",\"json\":1}", ERR_TWO_TARGETS, "userId"},
        {"{\"serverClient\":\"u\",\"key\":\"a:b:u\",\"json\":1}", ERR_TWO_TARGETS, "serverClient"},
        {"{\"page\":\"u\",\"key\":\"a:b:u\",\"json\":1}", ERR_TWO_TARGETS, "page"},
        {"{\"sessionId\":\"" SESSION "\",\"key\":\"a:b:u\",\"json\":1}", ERR_TWO_TARGETS,
            "sessionId"},
        {"{\"userId\":\"u\",\"page\":\"home\",\"json\":1}", ERR_MISSING_FIELD, "serverClient"},
        {"{\"userId\":\"\",\"json\":1}", ERR_BAD_ADDRESS, "userId"},
        {"{\"userId\":\"a b\",\"json\":1}", ERR_BAD_ADDRESS, "userId"},
        {"{\"userId\":\"a\\u0000\",\"json\":1}", ERR_BAD_ADDRESS, "userId"},
        {"{\"userId\":7,\"json\":1}", ERR_WRONG_TYPE, "userId"},
        {"{\"userId\":null,\"json\":1}", ERR_WRONG_TYPE, "userId"},
        {"{\"userId\":\"u\",\"serverClient\":\"a:b\",\"json\":1}", ERR_BAD_ADDRESS, "serverClient"},
        {"{\"userId\":\"u\",\"serverClient\":\"a\",\"page\":\"*\",\"json\":1}", ERR_BAD_ADDRESS,
            "page"},
        {"{\"userId\":\"u\",\"sessionId\":\"short\",\"json\":1}", ERR_BAD_VALUE, "sessionId"},
        {"{\"key\":\"a:b\",\"json\":1}", ERR_BAD_ADDRESS, "key"},
        {"{\"key\":[],\"json\":1}", ERR_WRONG_TYPE, "key"},
        {"{\"userId\":\"u\"}", ERR_NO_PAYLOAD, "json"},
        {"{\"userId\":\"u\",\"msgTitle\":\"t\",\"destUrl\":\"d\"}", ERR_NO_PAYLOAD, "json"},
        {"{\"userId\":\"u\",\"msgInfo\":1}", ERR_WRONG_TYPE, "msgInfo"},
        {"{\"userId\":\"u\",\"msgInfo\":null}", ERR_WRONG_TYPE, "msgInfo"},
        {"{\"userId\":\"u\",\"json\":1,\"msgTitle\":{}}", ERR_WRONG_TYPE, "msgTitle"},
        {"{\"userId\":\"u\",\"json\":1,\"destUrl\":false}", ERR_WRONG_TYPE, "destUrl"},
        {"{\"userId\":\"u\",\"json\":1,\"messageId\":\"\"}", ERR_BAD_ADDRESS, "messageId"},
        {"{\"userId\":\"u\",\"json\":1,\"messageId\":\"a b\"}", ERR_BAD_ADDRESS, "messageId"},
        {"{\"userId\":\"u\",\"json\":1,\"messageId\":1}", ERR_WRONG_TYPE, "messageId"},
        {"{\"userId\":\"u\",\"json\":1,\"exclude\":\"x\"}", ERR_WRONG_TYPE, "exclude"},
        {"{\"userId\":\"u\",\"json\":1,\"exclude\":[1]}", ERR_WRONG_TYPE, "exclude[0]"},
        {"{\"userId\":\"u\",\"json\":1,\"exclude\":[\"" SESSION "\",\"x\"]}", ERR_BAD_VALUE,
            "exclude[1]"},
        {"{\"userId\":\"u\",\"json\":1,\"durable\":1}", ERR_WRONG_TYPE, "durable"},
        {"{\"userId\":\"u\",\"json\":1,\"durable\":true,\"sessionId\":\"" SESSION "\"}",
            ERR_BAD_VALUE, "durable"},
        {"{\"userId\":\"u\",\"json\":1,\"ttl\":0}", ERR_OUT_OF_RANGE, "ttl"},
        {"{\"userId\":\"u\",\"json\":1,\"ttl\":604801}", ERR_OUT_OF_RANGE, "ttl"},
        {"{\"userId\":\"u\",\"json\":1,\"ttl\":1.5}", ERR_WRONG_TYPE, "ttl"},
        {"{\"userId\":\"u\",\"json\":1,\"ttl\":\"1\"}", ERR_WRONG_TYPE, "ttl"},
        {"{\"userId\":\"u\",\"json\":1,\"ttl\":1,\"durable\":false}", ERR_BAD_VALUE, "ttl"},
        {"{\"userId\":\"u\",\"json\":1,\"wait\":\"forever\"}", ERR_BAD_VALUE, "wait"},
        {"{\"userId\":\"u\",\"json\":1,\"wait\":true}", ERR_WRONG_TYPE, "wait"},
        {"{\"userId\":\"u\",\"json\":1,\"timeoutMs\":5}", ERR_BAD_VALUE, "timeoutMs"},
        {"{\"userId\":\"u\",\"json\":1,\"wait\":\"none\",\"timeoutMs\":5}", ERR_BAD_VALUE,
            "timeoutMs"},
        {"{\"userId\":\"u\",\"json\":1,\"wait\":\"ack\",\"timeoutMs\":0}", ERR_OUT_OF_RANGE,
            "timeoutMs"},
        {"{\"userId\":\"u\",\"json\":1,\"wait\":\"ack\",\"timeoutMs\":30001}", ERR_OUT_OF_RANGE,
            "timeoutMs"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct problem p = {0};
        struct message m;
        char in_batch[96];

        if (parse_by(&rules, mistakes[i].json, "", &m, &p) != mistakes[i].err ||
            strcmp(p.field, mistakes[i].field) != 0 || p.err != mistakes[i].err || !p.msg[0]) {
            fail_msg("%s gave %s at \"%s\"", mistakes[i].json, err_name(p.err), p.field);
        }
        snprintf(in_batch, sizeof(in_batch), "messages[3].%s", mistakes[i].field);
        assert_int_equal(
            parse_by(&rules, mistakes[i].json, "messages[3]", &m, &p), mistakes[i].err);
        assert_string_equal(p.field, in_batch);
    }
}

/* A message whose payload has so many bytes. */
static enum err parse_payload_of(int bytes, struct message *m, struct problem *p)
{
    char json[256];
    char text[128];
    int len = bytes - (int)strlen("{\"msgInfo\":\"\"}");

    memset(text, 'x', sizeof(text));
    snprintf(json, sizeof(json), "{\"userId\":\"u\",\"msgInfo\":\"%.*s\"}", len, text);
    return parse_by(&rules, json, "messages[0]", m, p);
}

static void payload_may_have_exactly_its_limit(void **state)
{
    struct problem p = {0};
    struct message m;

    (void)state;
    assert_int_equal(parse_payload_of(100, &m, &p), ERR_OK);
    assert_int_equal(m.payload.len, 100);
    message_finish(&m);
    assert_int_equal(parse_payload_of(101, &m, &p), ERR_PAYLOAD_TOO_LARGE);
    assert_string_equal(p.field, "messages[0]");
}

/* A message with `count` excluded sessions. */
static enum err parse_excluding(int count, struct message *m)
{
    static char json[4096];
    size_t used =
        (size_t)snprintf(json, sizeof(json), "{\"userId\":\"u\",\"json\":1,\"exclude\":[");

    for (int i = 0; i < count; i++) {
        used +=
            (size_t)snprintf(json + used, sizeof(json) - used, "%s\"" SESSION "\"", i ? "," : "");
    }
    snprintf(json + used, sizeof(json) - used, "]}");
    return parse_by(&rules, json, "", m, NULL);
}

static void exclude_takes_100_sessions(void **state)
{
    struct message m;

    (void)state;
    assert_int_equal(parse_excluding(100, &m), ERR_OK);
    assert_int_equal(m.exclude_count, 100);
    message_finish(&m);
    assert_int_equal(parse_excluding(101, &m), ERR_OUT_OF_RANGE);
}

static void idempotency_key_replaces_the_message_id(void **state)
{
    struct message m = parse("{\"userId\":\"u\",\"json\":1,\"messageId\":\"a-long-one\"}");
    struct problem p = {0};

    (void)state;
    assert_int_equal(message_set_id(&m, slice_of("b"), "Idempotency-Key", &p), ERR_OK);
    assert_string_equal(m.message_id, "b");
    assert_int_equal(message_set_id(&m, slice_of("b c"), "Idempotency-Key", &p), ERR_BAD_ADDRESS);
    assert_string_equal(p.field, "Idempotency-Key");
    assert_string_equal(m.message_id, "b");
    message_finish(&m);
}

static void hash_of(const char *json, char out[MESSAGE_HASH_BYTES])
{
    struct message m = parse(json);

    assert_int_equal(message_hash(&m, out), ERR_OK);
    message_finish(&m);
}

static void hash_depends_on_payload_target_and_durability_only(void **state)
{
    static const char *const same[] = {
        "{ \"json\" : 1, \"userId\":\"u\", \"durable\":true}",
        "{\"userId\":\"u\",\"json\":1,\"messageId\":\"m\",\"wait\":\"ack\",\"timeoutMs\":9}",
    };
    static const char *const different[] = {
        "{\"userId\":\"u\",\"json\":2}",
        "{\"userId\":\"v\",\"json\":1}",
        "{\"userId\":\"u\",\"json\":1,\"durable\":false}",
        "{\"userId\":\"u\",\"json\":1,\"serverClient\":\"a\"}",
        "{\"userId\":\"u\",\"json\":1,\"serverClient\":\"a\",\"page\":\"b\"}",
        "{\"userId\":\"u\",\"json\":1,\"serverClient\":\"ab\"}",
        "{\"userId\":\"u\",\"json\":1,\"sessionId\":\"" SESSION "\"}",
    };
    char first[MESSAGE_HASH_BYTES];
    char seen[7][MESSAGE_HASH_BYTES];

    (void)state;
    hash_of("{\"userId\":\"u\",\"json\":1}", first);
    assert_int_equal(strlen(first), 64);
    for (size_t i = 0; i < 2; i++) {
        hash_of(same[i], seen[0]);
        assert_string_equal(seen[0], first);
    }
    for (size_t i = 0; i < 7; i++) {
        hash_of(different[i], seen[i]);
        assert_string_not_equal(seen[i], first);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(seen[i], seen[j]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(least_message_has_the_defaults),
        cmocka_unit_test(full_message_keeps_everything),
        cmocka_unit_test(key_is_a_target_in_one_string),
        cmocka_unit_test(payload_keeps_the_bytes_of_its_values),
        cmocka_unit_test(message_to_a_session_is_not_durable_by_default),
        cmocka_unit_test(message_to_a_topic_is_kept_where_it_has_history),
        cmocka_unit_test(default_timeout_is_cut_to_the_maximum),
        cmocka_unit_test(each_mistake_has_its_error_and_field),
        cmocka_unit_test(payload_may_have_exactly_its_limit),
        cmocka_unit_test(exclude_takes_100_sessions),
        cmocka_unit_test(idempotency_key_replaces_the_message_id),
        cmocka_unit_test(hash_depends_on_payload_target_and_durability_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
