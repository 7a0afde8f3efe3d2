/* Slices are compared and trimmed by their length, whatever stands behind them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/slice.h"

static void slice_equal_compares_the_whole_text(void **state)
{
    (void)state;
    assert_true(slice_equal(slice_of("abc"), "abc"));
    assert_false(slice_equal(slice_of("abc"), "ab"));
    assert_false(slice_equal(slice_of("ab"), "abc"));
    assert_false(slice_equal(slice_of("abd"), "abc"));
    assert_true(slice_equal((struct slice){"abcd", 3}, "abc"));
    assert_true(slice_equal(slice_of(""), ""));
}

static void slice_trim_takes_away_at_both_ends_only(void **state)
{
    (void)state;
    assert_true(slice_equal(slice_trim(slice_of(" \ta b\t "), " \t"), "a b"));
    assert_true(slice_equal(slice_trim(slice_of("a"), " "), "a"));
    assert_int_equal(slice_trim(slice_of("   "), " ").len, 0);
    assert_int_equal(slice_trim(slice_of(""), " ").len, 0);
    assert_true(slice_equal(slice_trim((struct slice){"ab  c", 3}, " "), "ab"));
}

static void slice_trim_keeps_a_nul(void **state)
{
    (void)state;
    assert_int_equal(slice_trim((struct slice){"\0a\0", 3}, " a").len, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slice_equal_compares_the_whole_text),
        cmocka_unit_test(slice_trim_takes_away_at_both_ends_only),
        cmocka_unit_test(slice_trim_keeps_a_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
