/* Values and histograms as Prometheus reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/stats.h"

static void stats_render_writes_the_head_of_a_metric_once(void **state)
{
    struct stat_value values[] = {
        {"x_sessions", "Live sessions", STAT_GAUGE, 0},
        {"x_sessions_total", "All sessions", STAT_COUNTER, 0},
        {"x_answers_total{code=\"200\"}", "Answers", STAT_COUNTER, 0},
        {"x_answers_total{code=\"503\"}", "Answers", STAT_COUNTER, 0},
    };
    struct buf out;

    (void)state;
    stats_set(&values[0], 7);
    stats_add(&values[0], -9);
    stats_add(&values[3], INT64_C(5000000000));
    assert_int_equal(stats_get(&values[0]), -2);
    buf_init(&out, 4096);
    stats_render(&out, values, 4);
    assert_string_equal(buf_str(&out), "# HELP x_sessions Live sessions\n"
                                       "# TYPE x_sessions gauge\n"
                                       "x_sessions -2\n"
                                       "# HELP x_sessions_total All sessions\n"
                                       "# TYPE x_sessions_total counter\n"
                                       "x_sessions_total 0\n"
                                       "# HELP x_answers_total Answers\n"
                                       "# TYPE x_answers_total counter\n"
                                       "x_answers_total{code=\"200\"} 0\n"
                                       "x_answers_total{code=\"503\"} 5000000000\n");
    buf_finish(&out);
}

static void histogram_buckets_include_their_bound_and_all_below(void **state)
{
    struct histogram h = {.name = "x_seconds", .help = "Time"};
    struct buf out;

    (void)state;
    histogram_observe(&h, 0);
    histogram_observe(&h, 500);     /* on the first bound */
    histogram_observe(&h, 501);     /* just above it */
    histogram_observe(&h, 5000000); /* on the last bound */
    histogram_observe(&h, 5000001); /* above all */
    buf_init(&out, 4096);
    histogram_render(&out, &h);
    assert_string_equal(buf_str(&out), "# HELP x_seconds Time\n"
                                       "# TYPE x_seconds histogram\n"
                                       "x_seconds_bucket{le=\"0.0005\"} 2\n"
                                       "x_seconds_bucket{le=\"0.001\"} 3\n"
                                       "x_seconds_bucket{le=\"0.002\"} 3\n"
                                       "x_seconds_bucket{le=\"0.005\"} 3\n"
                                       "x_seconds_bucket{le=\"0.01\"} 3\n"
                                       "x_seconds_bucket{le=\"0.02\"} 3\n"
                                       "x_seconds_bucket{le=\"0.05\"} 3\n"
                                       "x_seconds_bucket{le=\"0.1\"} 3\n"
                                       "x_seconds_bucket{le=\"0.2\"} 3\n"
                                       "x_seconds_bucket{le=\"0.5\"} 3\n"
                                       "x_seconds_bucket{le=\"1\"} 3\n"
                                       "x_seconds_bucket{le=\"5\"} 4\n"
                                       "x_seconds_bucket{le=\"+Inf\"} 5\n"
                                       "x_seconds_sum 10.001002\n"
                                       "x_seconds_count 5\n");
    buf_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stats_render_writes_the_head_of_a_metric_once),
        cmocka_unit_test(histogram_buckets_include_their_bound_and_all_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
