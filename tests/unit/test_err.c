/* The error table, and sentences that must not be cut inside of a character. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/err.h"

static void err_code_is_status_and_number(void **state)
{
    (void)state;
    assert_int_equal(err_code(ERR_OK), 0);
    assert_int_equal(err_http_status(ERR_OK), 200);
    assert_int_equal(err_code(ERR_NOT_JSON), 40001);
    assert_int_equal(err_code(ERR_REDIS_DOWN), 50301);
    assert_int_equal(err_http_status(ERR_REDIS_DOWN), 503);
    assert_string_equal(err_name(ERR_REDIS_DOWN), "REDIS_DOWN");
}

static void err_codes_are_unique_and_all_have_a_text(void **state)
{
    (void)state;
    for (int i = 0; i < ERR_COUNT; i++) {
        assert_true(strlen(err_text((enum err)i)) > 0);
        for (int j = 0; j < i; j++) {
            assert_int_not_equal(err_code((enum err)i), err_code((enum err)j));
        }
    }
}

static void problem_set_fills_and_returns_the_error(void **state)
{
    struct problem p;

    (void)state;
    assert_int_equal(
        problem_set(&p, ERR_OUT_OF_RANGE, "ttl", "must be at most %d", 5), ERR_OUT_OF_RANGE);
    assert_int_equal(p.err, ERR_OUT_OF_RANGE);
    assert_string_equal(p.field, "ttl");
    assert_string_equal(p.msg, "must be at most 5");
}

static void problem_set_takes_the_text_of_the_table(void **state)
{
    struct problem p;

    (void)state;
    assert_int_equal(problem_set(&p, ERR_NO_TARGET, "", NULL), ERR_NO_TARGET);
    assert_string_equal(p.msg, err_text(ERR_NO_TARGET));
    assert_int_equal(problem_set(NULL, ERR_NO_TARGET, "", NULL), ERR_NO_TARGET);
}

static void problem_set_cuts_at_the_edge_of_a_character(void **state)
{
    struct problem p;
    char text[400];

    (void)state;
    /* A character of four bytes, moved over the place of the cut byte by byte. */
    for (size_t lead = 0; lead < 4; lead++) {
        memset(text, 'x', lead);
        text[lead] = '\0';
        while (strlen(text) < sizeof(text) - 5) {
            strcat(text, "\xF0\x9F\x98\x80");
        }
        problem_set(&p, ERR_BAD_VALUE, text, "%s", text);
        assert_int_equal(strlen(p.field), lead + (sizeof(p.field) - 1 - lead) / 4 * 4);
        assert_int_equal(strlen(p.msg), lead + (sizeof(p.msg) - 1 - lead) / 4 * 4);
        assert_memory_equal(p.msg, text, strlen(p.msg));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(err_code_is_status_and_number),
        cmocka_unit_test(err_codes_are_unique_and_all_have_a_text),
        cmocka_unit_test(problem_set_fills_and_returns_the_error),
        cmocka_unit_test(problem_set_takes_the_text_of_the_table),
        cmocka_unit_test(problem_set_cuts_at_the_edge_of_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
