/* Pauses grow, have chance in them, and end with a success. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/backoff.h"

static void pauses_double_up_to_the_longest(void **state)
{
    static const int64_t expected[] = {100, 200, 400, 500, 500};
    struct backoff b = {0, 0};

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        backoff_fail(&b, 1000, 100, 500);
        assert_int_equal(b.pause_ms, expected[i]);
        assert_in_range(b.due_ms, 1000 + expected[i] / 2, 1000 + expected[i]);
    }
}

static void success_starts_anew(void **state)
{
    struct backoff b = {0, 0};

    (void)state;
    backoff_fail(&b, 1000, 100, 500);
    backoff_fail(&b, 1000, 100, 500);
    backoff_reset(&b);
    assert_int_equal(b.due_ms, 0);
    backoff_fail(&b, 1000, 100, 500);
    assert_int_equal(b.pause_ms, 100);
}

static void pauses_differ(void **state)
{
    int64_t lowest = INT64_MAX;
    int64_t highest = 0;

    (void)state;
    for (int i = 0; i < 200; i++) {
        struct backoff b = {0, 0};

        backoff_fail(&b, 0, 1000, 1000);
        lowest = b.due_ms < lowest ? b.due_ms : lowest;
        highest = b.due_ms > highest ? b.due_ms : highest;
    }
    assert_true(highest - lowest > 250); /* of the 500 that are possible */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_double_up_to_the_longest),
        cmocka_unit_test(success_starts_anew),
        cmocka_unit_test(pauses_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
