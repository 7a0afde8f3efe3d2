/* Requests at a time: bounded, fewer while answers are slow, more while they are quick. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsnode/window.h"

#define TIMEOUT_MS 1000

static void answer_all(struct window *w, int64_t took_ms, int times)
{
    for (int i = 0; i < times; i++) {
        window_sent(w);
        window_answered(w, took_ms, TIMEOUT_MS);
    }
}

static void window_is_closed_at_its_size(void **state)
{
    struct window w;

    (void)state;
    window_init(&w);
    for (int i = 0; i < WINDOW_FIRST; i++) {
        assert_true(window_is_open(&w));
        window_sent(&w);
    }
    assert_false(window_is_open(&w));
    window_answered(&w, 1, TIMEOUT_MS);
    assert_true(window_is_open(&w));
}

static void quick_answers_widen_it_up_to_its_largest_size(void **state)
{
    struct window w;

    (void)state;
    window_init(&w);
    answer_all(&w, TIMEOUT_MS / 4, 1);
    assert_int_equal(w.max, WINDOW_FIRST + 1);
    answer_all(&w, 1, WINDOW_MAX);
    assert_int_equal(w.max, WINDOW_MAX);
    assert_int_equal(w.in_flight, 0);
}

static void slow_answers_narrow_it_to_its_smallest_size(void **state)
{
    struct window w;

    (void)state;
    window_init(&w);
    answer_all(&w, TIMEOUT_MS / 4 + 1, 1);
    assert_int_equal(w.max, WINDOW_FIRST - WINDOW_FIRST / 8 - 1);
    answer_all(&w, TIMEOUT_MS, 50);
    assert_int_equal(w.max, WINDOW_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_is_closed_at_its_size),
        cmocka_unit_test(quick_answers_widen_it_up_to_its_largest_size),
        cmocka_unit_test(slow_answers_narrow_it_to_its_smallest_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
