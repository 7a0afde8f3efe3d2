/* The body of a send and its Idempotency-Key: two names for one messageId. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fcgi-send/validate.h"

static const struct message_rules rules = {1024, 30000, 604800};

#define WITHOUT "{\"userId\":\"u1\",\"json\":1}"
#define WITH_M1 "{\"userId\":\"u1\",\"json\":1,\"messageId\":\"m1\"}"

static void assert_id(const char *body, const char *header, const char *expected)
{
    struct message m;

    assert_int_equal(validate_send(slice_of(body), header, &rules, &m, NULL), ERR_OK);
    assert_string_equal(m.message_id, expected);
    assert_string_equal(m.target.user_id, "u1");
    message_finish(&m);
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
    struct message m;

    assert_int_equal(validate_send(slice_of(body), header, &rules, &m, &p), expected);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_id_comes_from_the_body_or_the_header),
        cmocka_unit_test(header_that_contradicts_the_body_is_refused),
        cmocka_unit_test(header_is_checked_as_the_field_is),
        cmocka_unit_test(body_that_is_no_message_is_refused_whatever_the_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
