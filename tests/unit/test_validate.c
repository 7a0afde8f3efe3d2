/* The body of a send and its Idempotency-Key: two names for one messageId. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fcgi-send/validate.h"

static const struct message_rules rules = {
    .payload_max_bytes = 1024, .timeout_max_ms = 30000, .ttl_max_s = 604800};

#define WITHOUT "{\"userId\":\"u1\",\"json\":1}"
#define WITH_M1 "{\"userId\":\"u1\",\"json\":1,\"messageId\":\"m1\"}"

static void assert_id(const char *body, const char *header, const char *expected)
{
    struct batch b;

    assert_int_equal(validate_send(slice_of(body), header, &rules, 3, &b, NULL), ERR_OK);
    assert_int_equal(b.count, 1);
    assert_false(b.is_list);
    assert_string_equal(b.sendings[0].message.message_id, expected);
    assert_string_equal(b.sendings[0].message.target.user_id, "u1");
    batch_finish(&b);
}

static void message_id_comes_from_the_body_or_the_header(void **state)
{
    (void)state;
    assert_id(WITHOUT, NULL, "");
    assert_id(WITH_M1, NULL, "m1");
    assert_id(WITHOUT, "m2", "m2");
    assert_id(WITH_M1, "m1", "m1");
}

static void assert_refused(
    const char *body, const char *header, enum err expected, const char *field)
{
    struct problem p = {0};
    struct batch b;

    assert_int_equal(validate_send(slice_of(body), header, &rules, 3, &b, &p), expected);
    assert_string_equal(p.field, field);
}

static void header_that_contradicts_the_body_is_refused(void **state)
{
    (void)state;
    assert_refused(WITH_M1, "m2", ERR_BAD_VALUE, "Idempotency-Key");
    assert_refused(WITH_M1, "", ERR_BAD_VALUE, "Idempotency-Key");
}

static void header_is_checked_as_the_field_is(void **state)
{
    static const char longest[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    static const char too_long[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefX";

    (void)state;
    assert_id(WITHOUT, longest, longest);
    assert_refused(WITHOUT, too_long, ERR_BAD_ADDRESS, "Idempotency-Key");
    assert_refused(WITHOUT, "a b", ERR_BAD_ADDRESS, "Idempotency-Key");
    assert_refused(WITHOUT, "a\xff", ERR_BAD_ADDRESS, "Idempotency-Key");
}

static void body_that_is_no_message_is_refused_whatever_the_header(void **state)
{
    (void)state;
    assert_refused("", "m1", ERR_NOT_JSON, "");
    assert_refused("[]", "m1", ERR_WRONG_TYPE, "");
    assert_refused("{\"userId\":\"u1\"}", "m1", ERR_NO_PAYLOAD, "json");
    assert_refused(
        "{\"userId\":\"u1\",\"json\":1,\"messageId\":\"\"}", NULL, ERR_BAD_ADDRESS, "messageId");
}

#define GOOD "{\"userId\":\"u1\",\"json\":1}"

static struct batch list(const char *body)
{
    struct batch b;

    assert_int_equal(validate_send(slice_of(body), NULL, &rules, 3, &b, NULL), ERR_OK);
    assert_true(b.is_list);
    return b;
}

static void messages_are_read_in_order(void **state)
{
    (void)state;
    struct batch b = list("{\"messages\":[" GOOD ", {\"json\":[2, {}],\"key\":\"a:b:u2\"}],"
                          "\"timeoutMs\":7,\"wait\":\"ack\"}");
    assert_int_equal(b.count, 2);
    assert_string_equal(b.sendings[0].message.target.user_id, "u1");
    assert_string_equal(b.sendings[1].message.target.user_id, "u2");
    assert_string_equal(buf_str(&b.sendings[1].message.payload), "{\"json\":[2, {}]}");
    assert_int_equal(b.wait, MESSAGE_WAIT_ACK);
    assert_int_equal(b.timeout_ms, 7);
    batch_finish(&b);
}

static void assert_problem(const char *element, enum err expected, const char *field)
{
    char body[4096];

    snprintf(body, sizeof(body), "{\"messages\":[%s,%s,%s]}", GOOD, element, GOOD);
    struct batch b = list(body);
    assert_int_equal(b.sendings[0].problem.err, ERR_OK);
    assert_int_equal(b.sendings[1].problem.err, expected);
    assert_string_equal(b.sendings[1].problem.field, field);
    assert_int_equal(b.sendings[2].problem.err, ERR_OK);
    assert_string_equal(buf_str(&b.sendings[2].message.payload), "{\"json\":1}");
    batch_finish(&b);
}

static void bad_message_has_a_problem_and_the_others_none(void **state)
{
    char large[1200];

    (void)state;
    snprintf(large, sizeof(large), "{\"userId\":\"u1\",\"msgInfo\":\"%01100d\"}", 0);
    assert_problem("1", ERR_WRONG_TYPE, "messages[1]");
    assert_problem("null", ERR_WRONG_TYPE, "messages[1]");
    assert_problem("[" GOOD "]", ERR_WRONG_TYPE, "messages[1]");
    assert_problem("{}", ERR_NO_TARGET, "messages[1].userId");
    assert_problem("{\"messages\":[" GOOD "]}", ERR_UNKNOWN_FIELD, "messages[1].messages");
    assert_problem("{\"userId\":\"a:b\",\"json\":1}", ERR_BAD_ADDRESS, "messages[1].userId");
    assert_problem(
        "{\"userId\":\"a\",\"key\":\"a:b:c\",\"json\":1}", ERR_TWO_TARGETS, "messages[1].userId");
    assert_problem(
        "{\"userId\":\"a\",\"json\":1,\"wait\":\"ack\"}", ERR_BAD_VALUE, "messages[1].wait");
    assert_problem(
        "{\"userId\":\"a\",\"json\":1,\"timeoutMs\":1}", ERR_BAD_VALUE, "messages[1].timeoutMs");
    assert_problem(large, ERR_PAYLOAD_TOO_LARGE, "messages[1]");
}

static void list_has_one_to_batch_max_messages(void **state)
{
    (void)state;
    assert_refused("{\"messages\":[]}", NULL, ERR_OUT_OF_RANGE, "messages");
    assert_refused("{\"messages\":[1,2,3,4]}", NULL, ERR_OUT_OF_RANGE, "messages");
    struct batch b = list("{\"messages\":[" GOOD "," GOOD "," GOOD "]}");
    assert_int_equal(b.count, 3);
    batch_finish(&b);
}

static void list_that_is_none_is_refused(void **state)
{
    (void)state;
    assert_refused("{\"messages\":{}}", NULL, ERR_WRONG_TYPE, "messages");
    assert_refused("{\"messages\":null}", NULL, ERR_WRONG_TYPE, "messages");
    assert_refused(
        "{\"messages\":[" GOOD "],\"userId\":\"u1\"}", NULL, ERR_UNKNOWN_FIELD, "userId");
    assert_refused("{\"messages\":[" GOOD "],\"wait\":\"maybe\"}", NULL, ERR_BAD_VALUE, "wait");
    assert_refused("{\"messages\":[" GOOD "]}", "m1", ERR_BAD_VALUE, "Idempotency-Key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_id_comes_from_the_body_or_the_header),
        cmocka_unit_test(header_that_contradicts_the_body_is_refused),
        cmocka_unit_test(header_is_checked_as_the_field_is),
        cmocka_unit_test(body_that_is_no_message_is_refused_whatever_the_header),
        cmocka_unit_test(messages_are_read_in_order),
        cmocka_unit_test(bad_message_has_a_problem_and_the_others_none),
        cmocka_unit_test(list_has_one_to_batch_max_messages),
        cmocka_unit_test(list_that_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
