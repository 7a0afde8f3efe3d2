/* A drain is even, whatever the number of sessions and whoever comes or goes meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsnode/drain_pace.h"

#define TICK_MS 50
#define START_MS 7000

/* Closes what is due until `until_ms` after the start; returns what is left of `open`. */
static int64_t run(struct drain_pace *p, int64_t from_ms, int64_t until_ms, int64_t open)
{
    for (int64_t ms = from_ms; ms <= until_ms; ms += TICK_MS) {
        open -= drain_pace_due(p, START_MS + ms, open);
    }
    return open;
}

static void sessions_are_closed_evenly_and_all_in_time(void **state)
{
    static const int64_t totals[] = {7, 100, 1000, 50000};
    struct drain_pace p;

    (void)state;
    for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
        int64_t open = totals[i];
        drain_pace_init(&p, START_MS, 10000, open);
        for (int64_t ms = TICK_MS; ms <= 10000; ms += TICK_MS) {
            open -= drain_pace_due(&p, START_MS + ms, open);
            assert_int_equal(open, totals[i] * (10000 - ms) / 10000);
        }
        assert_int_equal(open, 0);
    }
}

static void nobody_is_closed_at_the_very_beginning(void **state)
{
    struct drain_pace p;

    (void)state;
    drain_pace_init(&p, START_MS, 10000, 1000);
    assert_int_equal(drain_pace_due(&p, START_MS, 1000), 0);
}

static void only_session_does_not_wait_for_the_end(void **state)
{
    struct drain_pace p;

    (void)state;
    drain_pace_init(&p, START_MS, 10000, 1);
    assert_int_equal(drain_pace_due(&p, START_MS + 1, 1), 1);
}

static void newcomers_push_nobody_out(void **state)
{
    struct drain_pace p;

    (void)state;
    drain_pace_init(&p, START_MS, 10000, 100);
    assert_int_equal(run(&p, TICK_MS, 5000, 100), 50);
    /* 100 came: as at half time with 200. */
    assert_int_equal(drain_pace_due(&p, START_MS + 5000, 50 + 100), 50);
    assert_int_equal(run(&p, 5000, 7500, 100), 50);
    assert_int_equal(run(&p, 7500, 10000, 50), 0);
}

static void who_leaves_by_himself_slows_nobody_down_beyond_the_line(void **state)
{
    struct drain_pace p;

    (void)state;
    drain_pace_init(&p, START_MS, 10000, 100);
    assert_int_equal(drain_pace_due(&p, START_MS + 1000, 60), 0);
    assert_int_equal(drain_pace_due(&p, START_MS + 4000, 60), 0);
    assert_int_equal(drain_pace_due(&p, START_MS + 5000, 60), 10);
}

static void from_the_end_on_all_are_due(void **state)
{
    struct drain_pace p;

    (void)state;
    drain_pace_init(&p, START_MS, 1, 5);
    assert_int_equal(drain_pace_due(&p, START_MS + 1, 5), 5);
    assert_int_equal(drain_pace_due(&p, START_MS + 99999, 3), 3);
    assert_int_equal(drain_pace_due(&p, START_MS + 99999, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_are_closed_evenly_and_all_in_time),
        cmocka_unit_test(nobody_is_closed_at_the_very_beginning),
        cmocka_unit_test(only_session_does_not_wait_for_the_end),
        cmocka_unit_test(newcomers_push_nobody_out),
        cmocka_unit_test(who_leaves_by_himself_slows_nobody_down_beyond_the_line),
        cmocka_unit_test(from_the_end_on_all_are_due),
    };

    return cmocka_run_group_tests_name("drain_pace", tests, NULL, NULL);
}
