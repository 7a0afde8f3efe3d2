/* Payloads: shared by count, with headroom before the bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wsnode/payload.h"

static void bytes_are_copied_behind_the_headroom(void **state)
{
    char text[] = "hello";
    struct payload *p = payload_create(text, 5);

    (void)state;
    text[0] = 'j';
    assert_int_equal(p->len, 5);
    assert_memory_equal(payload_bytes(p), "hello", 5);
    assert_ptr_equal(payload_bytes(p), p->store + PAYLOAD_HEADROOM_BYTES);
    payload_unref(p);
}

static void headroom_may_be_written_without_touching_the_bytes(void **state)
{
    struct payload *p = payload_create("hello", 5);

    (void)state;
    memset(p->store, 0xff, PAYLOAD_HEADROOM_BYTES);
    assert_memory_equal(payload_bytes(p), "hello", 5);
    payload_unref(p);
}

static void lives_until_the_last_reference_goes(void **state)
{
    struct payload *p = payload_create("hello", 5);

    (void)state;
    assert_ptr_equal(payload_ref(p), p);
    assert_int_equal(p->refs, 2);
    payload_unref(p);
    assert_int_equal(p->refs, 1);
    assert_memory_equal(payload_bytes(p), "hello", 5);
    payload_unref(p);
}

static void may_be_empty(void **state)
{
    struct payload *p = payload_create(NULL, 0);

    (void)state;
    assert_int_equal(p->len, 0);
    payload_unref(p);
    payload_unref(NULL);
}

static void takes_what_a_builder_made_but_not_its_error(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 4);
    buf_add_str(&b, "abcd");
    struct payload *p = payload_from_buf(&b);
    assert_int_equal(p->len, 4);
    assert_memory_equal(payload_bytes(p), "abcd", 4);
    payload_unref(p);

    buf_add_char(&b, 'e');
    assert_null(payload_from_buf(&b));
    buf_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_copied_behind_the_headroom),
        cmocka_unit_test(headroom_may_be_written_without_touching_the_bytes),
        cmocka_unit_test(lives_until_the_last_reference_goes),
        cmocka_unit_test(may_be_empty),
        cmocka_unit_test(takes_what_a_builder_made_but_not_its_error),
    };

    return cmocka_run_group_tests_name("payload", tests, NULL, NULL);
}
