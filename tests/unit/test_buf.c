/* Buffers that grow up to a cap and remember their first failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/buf.h"

static void buf_is_an_empty_string_at_first(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 10);
    assert_string_equal(buf_str(&b), "");
    assert_null(b.bytes);
    assert_int_equal(buf_err(&b), ERR_OK);
    buf_finish(&b);
}

static void buf_keeps_the_order_of_additions_while_it_grows(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100000);
    for (int i = 0; i < 10000; i++) {
        buf_addf(&b, "%04d,", i);
    }
    assert_int_equal(b.len, 50000);
    assert_memory_equal(b.bytes, "0000,0001,", 10);
    assert_string_equal(b.bytes + 49990, "9998,9999,");
    assert_int_equal(buf_err(&b), ERR_OK);
    buf_finish(&b);
}

static void buf_has_room_for_the_nul_at_every_length(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    for (size_t len = 1; len <= 1000; len++) {
        buf_add_char(&b, 'x');
        assert_true(b.cap > b.len);
        assert_int_equal(strlen(buf_str(&b)), len);
    }
    buf_finish(&b);
}

static void buf_fills_to_the_last_byte_of_its_cap(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 4);
    buf_add_str(&b, "ab");
    buf_addf(&b, "%s", "cd");
    assert_int_equal(buf_err(&b), ERR_OK);
    assert_string_equal(buf_str(&b), "abcd");
    buf_finish(&b);
}

static void buf_failure_sticks_and_adds_nothing(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 4);
    buf_add_str(&b, "ab");
    buf_add_str(&b, "cde");
    assert_int_equal(buf_err(&b), ERR_BODY_TOO_LARGE);
    buf_add_char(&b, 'c');
    buf_addf(&b, "%d", 1);
    assert_string_equal(buf_str(&b), "ab");
    buf_reset(&b);
    assert_string_equal(buf_str(&b), "");
    buf_addf(&b, "%s", "abcde");
    assert_int_equal(buf_err(&b), ERR_BODY_TOO_LARGE);
    buf_finish(&b);
}

static void buf_reset_keeps_the_memory(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    buf_add_str(&b, "abc");
    const char *before = b.bytes;
    buf_reset(&b);
    buf_add_str(&b, "x");
    assert_ptr_equal(b.bytes, before);
    assert_string_equal(buf_str(&b), "x");
    buf_finish(&b);
    assert_string_equal(buf_str(&b), "");
}

static void buf_takes_bytes_with_a_nul(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    buf_add(&b, "a\0b", 3);
    assert_int_equal(b.len, 3);
    assert_memory_equal(b.bytes, "a\0b", 4);
    buf_finish(&b);
}

static void buf_escapes_what_json_wants_escaped_and_nothing_else(void **state)
{
    static const char text[] = "\"\\\b\f\n\r\t\x01\x1F\0/a\x7F\xC3\xA9";
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    buf_add_json_string(&b, text, sizeof(text) - 1);
    assert_string_equal(
        buf_str(&b), "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\\u0000/a\x7F\xC3\xA9\"");
    buf_reset(&b);
    buf_add_json_string(&b, "", 0);
    assert_string_equal(buf_str(&b), "\"\"");
    buf_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_is_an_empty_string_at_first),
        cmocka_unit_test(buf_keeps_the_order_of_additions_while_it_grows),
        cmocka_unit_test(buf_has_room_for_the_nul_at_every_length),
        cmocka_unit_test(buf_fills_to_the_last_byte_of_its_cap),
        cmocka_unit_test(buf_failure_sticks_and_adds_nothing),
        cmocka_unit_test(buf_reset_keeps_the_memory),
        cmocka_unit_test(buf_takes_bytes_with_a_nul),
        cmocka_unit_test(buf_escapes_what_json_wants_escaped_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
