/* Pieces of an HTTP head: cut, trimmed, compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/http_text.h"

static void pieces_are_taken_off_the_front(void **state)
{
    struct slice rest = slice_of("a: b\r\n\r\nc");

    (void)state;
    assert_true(slice_equal(http_text_until(&rest, "\r\n"), "a: b"));
    assert_true(slice_equal(http_text_until(&rest, "\r\n"), ""));
    assert_true(slice_equal(http_text_until(&rest, "\r\n"), "c"));
    assert_int_equal(rest.len, 0);
}

static void only_spaces_and_tabs_are_trimmed(void **state)
{
    (void)state;
    assert_true(slice_equal(http_text_trim(slice_of(" \ta b\t ")), "a b"));
    assert_true(slice_equal(http_text_trim(slice_of(" \t ")), ""));
    assert_true(slice_equal(http_text_trim(slice_of("\ra\n")), "\ra\n"));
}

static void words_are_compared_without_regard_to_case(void **state)
{
    (void)state;
    assert_true(http_text_equals(slice_of("HoSt"), "Host"));
    assert_false(http_text_equals(slice_of("Hos"), "Host"));
    assert_true(http_text_list_has(slice_of("keep-alive ,\tUPGRADE"), "upgrade"));
    assert_false(http_text_list_has(slice_of("upgrades, up grade"), "upgrade"));
    assert_false(http_text_list_has(slice_of(""), "upgrade"));
}

static void tokens_have_no_separators_and_values_no_controls(void **state)
{
    (void)state;
    assert_true(http_text_is_token(slice_of("a-Z09!#$%&'*+.^_`|~")));
    assert_false(http_text_is_token(slice_of("")));
    assert_false(http_text_is_token(slice_of("a b")));
    assert_false(http_text_is_token(slice_of("a:b")));
    assert_false(http_text_is_token((struct slice){"a\0", 2}));
    assert_false(http_text_has_control(slice_of("a\tb \xc3\xa9")));
    assert_true(http_text_has_control(slice_of("a\x7f")));
    assert_true(http_text_has_control((struct slice){"a\0", 2}));
}

static void token_follows_its_scheme_in_any_case(void **state)
{
    (void)state;
    assert_true(slice_equal(http_text_bearer(slice_of("bEARER  abc ")), "abc"));
    assert_true(slice_equal(http_text_bearer(slice_of("Bearer ")), ""));
    assert_null(http_text_bearer(slice_of("Basic abc")).at);
    assert_null(http_text_bearer(slice_of("Bearer")).at);
    assert_null(http_text_bearer((struct slice){NULL, 0}).at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_taken_off_the_front),
        cmocka_unit_test(only_spaces_and_tabs_are_trimmed),
        cmocka_unit_test(words_are_compared_without_regard_to_case),
        cmocka_unit_test(tokens_have_no_separators_and_values_no_controls),
        cmocka_unit_test(token_follows_its_scheme_in_any_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
