/* Lines on stderr, caught with a pipe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "shared/clock.h"
#include "shared/log.h"

static char caught[8192];

/* Between start_catching() and stop_catching() stderr goes to `caught`; a pipe holds 64 KiB. */
static int ends[2];
static int real_stderr;

static void start_catching(void)
{
    assert_int_equal(pipe(ends), 0);
    real_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
}

static void stop_catching(void)
{
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    close(ends[1]);
    ssize_t len = read(ends[0], caught, sizeof(caught) - 1);
    close(ends[0]);
    caught[len > 0 ? len : 0] = '\0';
}

/* What stands after the time: "warn wsnode[71] …". */
static const char *after_time(void)
{
    return caught + strlen("2026-11-24T08:00:00.123Z ");
}

static void log_writes_time_level_program_event_and_pairs(void **state)
{
    char expected[128];
    int year, month, day, hour, minute, second, ms;

    (void)state;
    log_init("wsnode", LOG_INFO);
    start_catching();
    log_warn("node refused", "node=%s status=%d", "a-1", 410);
    stop_catching();
    assert_int_equal(sscanf(caught, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ ", &year, &month, &day, &hour,
                         &minute, &second, &ms),
        7);
    snprintf(expected, sizeof(expected), "warn wsnode[%d] node refused node=a-1 status=410\n",
        (int)getpid());
    assert_string_equal(after_time(), expected);
}

static void log_without_pairs_ends_after_the_event(void **state)
{
    char expected[128];

    (void)state;
    log_init("fcgi-send", LOG_INFO);
    start_catching();
    log_info("started", "");
    stop_catching();
    snprintf(expected, sizeof(expected), "info fcgi-send[%d] started\n", (int)getpid());
    assert_string_equal(after_time(), expected);
}

static void log_shows_its_level_and_what_is_worse(void **state)
{
    (void)state;
    log_init("wsnode", LOG_WARN);
    start_catching();
    log_error("one", "");
    log_warn("two", "");
    log_info("three", "");
    log_debug("four", "");
    stop_catching();
    assert_non_null(strstr(caught, "one"));
    assert_non_null(strstr(caught, "two"));
    assert_null(strstr(caught, "three"));
    assert_null(strstr(caught, "four"));
    assert_true(log_enabled(LOG_WARN));
    assert_false(log_enabled(LOG_INFO));
}

static void log_cannot_be_made_to_forge_a_line(void **state)
{
    (void)state;
    log_init("wsnode", LOG_INFO);
    start_catching();
    log_info("x", "reason=\"%s\"",
        "a\nb\r\x1B[0m\x7F\xC2\x9B"
        "31m\xFFz \xC3\xA9");
    stop_catching();
    assert_non_null(
        strstr(caught, "reason=\"a\\x0ab\\x0d\\x1b[0m\\x7f\\xc2\\x9b31m\\xffz \xC3\xA9\"\n"));
    assert_ptr_equal(strchr(caught, '\n'), caught + strlen(caught) - 1);
}

static void log_line_is_cut_even_when_every_byte_is_escaped(void **state)
{
    char noise[3000];

    (void)state;
    memset(noise, '\n', sizeof(noise) - 1);
    noise[sizeof(noise) - 1] = '\0';
    log_init("wsnode", LOG_INFO);
    start_catching();
    log_info("x", "%s", noise);
    stop_catching();
    const char *detail = strstr(caught, "\\x0a");
    assert_non_null(detail);
    assert_int_equal(strlen(detail), 4 * 1023 + 1);
    assert_int_equal(caught[strlen(caught) - 1], '\n');
}

static void log_limited_lets_one_line_per_second_through(void **state)
{
    _Atomic long long last_ms = 0;

    (void)state;
    assert_true(log_allow(&last_ms));
    assert_false(log_allow(&last_ms));
    last_ms = clock_mono_ms() - 1000;
    assert_true(log_allow(&last_ms));

    start_catching();
    for (int i = 0; i < 5; i++) {
        log_limited(LOG_ERROR, "again", "i=%d", i);
    }
    stop_catching();
    assert_non_null(strstr(caught, "again i=0\n"));
    assert_null(strstr(caught, "again i=1\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_writes_time_level_program_event_and_pairs),
        cmocka_unit_test(log_without_pairs_ends_after_the_event),
        cmocka_unit_test(log_shows_its_level_and_what_is_worse),
        cmocka_unit_test(log_cannot_be_made_to_forge_a_line),
        cmocka_unit_test(log_line_is_cut_even_when_every_byte_is_escaped),
        cmocka_unit_test(log_limited_lets_one_line_per_second_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
