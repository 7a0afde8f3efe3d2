/* What fcgi-send and a node say to each other on POST /forwardClose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/dismissal.h"

#define ID_A "AAAAAAAAAAAAAAAAAAAAAA"
#define ID_B "BBBBBBBBBBBBBBBBBBBBBB"

static void codes_are_those_that_may_be_sent(void **state)
{
    static const int64_t good[] = {1000, 1003, 1007, 1014, 3000, 4000, 4999};
    static const int64_t bad[] = {-1, 0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 70000};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(dismissal_is_code(good[i]));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(dismissal_is_code(bad[i]));
    }
}

static void assert_reason(const char *json, enum err expected, const char *text)
{
    char reason[CLOSE_REASON_BYTES_MAX + 1] = "before";
    struct json_object *object;
    struct problem p = {0};

    assert_int_equal(json_parse_object(slice_of(json), &object, NULL), ERR_OK);
    assert_int_equal(dismissal_parse_reason(object, reason, &p), expected);
    assert_string_equal(reason, text);
    assert_string_equal(p.field, expected ? "reason" : "");
    json_object_put(object);
}

static void reason_fits_a_close_frame(void **state)
{
    char longest[160] = "{\"reason\":\"";
    char text[CLOSE_REASON_BYTES_MAX + 1] = "";

    (void)state;
    memset(text, 'x', CLOSE_REASON_BYTES_MAX);
    strcat(strcat(longest, text), "\"}");
    assert_reason(longest, ERR_OK, text);
    strcpy(longest + strlen(longest) - 2, "x\"}");
    assert_reason(longest, ERR_BAD_VALUE, "before");
    assert_reason("{}", ERR_OK, "before");
    assert_reason("{\"reason\":\"\"}", ERR_OK, "");
    assert_reason("{\"reason\":\"a\\u0000b\"}", ERR_NUL_BYTE, "before");
    assert_reason("{\"reason\":\"a\\nb\"}", ERR_BAD_VALUE, "before");
    assert_reason("{\"reason\":\"a\\u007fb\"}", ERR_BAD_VALUE, "before");
    assert_reason("{\"reason\":1}", ERR_WRONG_TYPE, "before");
}

static void request_is_what_the_node_reads(void **state)
{
    static char ids[2][SESSION_ID_BYTES] = {ID_A, ID_B};
    const struct dismissal how = {4003, "\"bye\""};
    char(*read)[SESSION_ID_BYTES];
    struct json_object *object;
    struct buf out;
    size_t count;

    (void)state;
    buf_init(&out, 1024);
    dismissal_encode(&how, ids, 2, &out);
    assert_string_equal(buf_str(&out),
        "{\"code\":4003,\"reason\":\"\\\"bye\\\"\",\"sessions\":[\"" ID_A "\",\"" ID_B "\"]}");
    assert_int_equal(json_parse_object((struct slice){out.bytes, out.len}, &object, NULL), ERR_OK);
    assert_int_equal(
        dismissal_parse_sessions((struct json_field){object, "", "sessions"}, &read, &count, NULL),
        ERR_OK);
    assert_int_equal(count, 2);
    assert_string_equal(read[1], ID_B);
    free(read);
    json_object_put(object);
    buf_finish(&out);
}

static void order_for_a_group_says_when_it_was_given(void **state)
{
    struct dismissal_order order = {
        .at_ms = 1764000000000, .how = {.code = 4003, .reason = "a\"b"}};
    struct buf bytes;

    (void)state;
    buf_init(&bytes, 1000);
    dismissal_encode_group(&order, "boot1", "pc:home", &bytes);
    assert_string_equal(buf_str(&bytes),
        "{\"code\":4003,\"reason\":\"a\\\"b\",\"at\":1764000000000,\"boot\":\"boot1\","
        "\"group\":\"pc:home\"}");
    buf_finish(&bytes);
}

static void what_redis_has_may_be_none(void **state)
{
    char longest[CLOSE_REASON_BYTES_MAX + 2];
    struct dismissal how = {.code = 1, .reason = "before"};

    (void)state;
    memset(longest, 'x', sizeof(longest));
    assert_false(dismissal_read(1005, slice_of("x"), &how));
    assert_false(dismissal_read(4003, (struct slice){longest, sizeof(longest) - 1}, &how));
    assert_false(dismissal_read(4003, slice_of("\xff"), &how));
    assert_string_equal(how.reason, "before");
    assert_true(dismissal_read(4003, slice_of("a b"), &how));
    assert_int_equal(how.code, 4003);
    assert_string_equal(how.reason, "a b");
}

static void answer_tells_who_is_gone(void **state)
{
    struct dismissal_answer answer;

    (void)state;
    assert_int_equal(
        dismissal_answer_decode(
            slice_of("{\"code\":0,\"data\":{\"closed\":1,\"gone\":[\"" ID_A "\"]}}"), &answer),
        ERR_OK);
    assert_int_equal(answer.closed, 1);
    assert_int_equal(answer.gone_count, 1);
    assert_string_equal(answer.gone[0], ID_A);
    free(answer.gone);
}

static void answer_that_is_none_is_refused(void **state)
{
    static const char *const bad[] = {"", "[]", "{}", "{\"data\":[]}", "{\"data\":{\"gone\":1}}",
        "{\"data\":{\"closed\":-1,\"gone\":[]}}", "{\"data\":{\"closed\":\"1\",\"gone\":[]}}",
        "{\"data\":{\"gone\":[1]}}", "{\"data\":{\"gone\":[\"x\"]}}"};
    struct dismissal_answer answer;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_not_equal(dismissal_answer_decode(slice_of(bad[i]), &answer), ERR_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_those_that_may_be_sent),
        cmocka_unit_test(reason_fits_a_close_frame),
        cmocka_unit_test(request_is_what_the_node_reads),
        cmocka_unit_test(order_for_a_group_says_when_it_was_given),
        cmocka_unit_test(what_redis_has_may_be_none),
        cmocka_unit_test(answer_tells_who_is_gone),
        cmocka_unit_test(answer_that_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
