/* Order per session, bounds, retries and deadlines. An item is its own name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wsnode/lines.h"

#define GIVE_UP_MS 10000
#define START_MS 1000000

static struct lines lines;
static int64_t now_ms;

struct named {
    struct line_item item;
    char name[8];
};

static int start(void **state)
{
    const struct lines_limits limits = {
        .items_per_line = 3, .bytes = 100, .give_up_ms = GIVE_UP_MS};

    (void)state;
    lines_init(&lines, &limits);
    now_ms = START_MS;
    return 0;
}

static int stop(void **state)
{
    struct line_item *item;

    (void)state;
    while ((item = lines_take_any(&lines))) {
        free(item);
    }
    assert_int_equal(lines.count, 0);
    assert_int_equal(lines.bytes, 0);
    assert_int_equal(lines.under_way, 0);
    return 0;
}

static enum err add_bytes(const char *session_id, const char *name, size_t bytes)
{
    struct named *named = calloc(1, sizeof(*named));

    assert_non_null(named);
    strcpy(named->name, name);
    enum err err = lines_add(&lines, session_id, &named->item, bytes, now_ms);
    if (err) {
        free(named);
    }
    return err;
}

static void add(const char *session_id, const char *name)
{
    assert_int_equal(add_bytes(session_id, name, 1), ERR_OK);
}

static struct line_item *expect_start(const char *name)
{
    struct line_item *item = lines_start(&lines);

    assert_non_null(item);
    assert_string_equal(((struct named *)item)->name, name);
    return item;
}

static void finish(struct line_item *item)
{
    lines_finish(&lines, item);
    free(item);
}

static void pass(int64_t ms)
{
    now_ms += ms;
    lines_on_tick(&lines, now_ms);
}

static void next_item_of_a_session_waits_for_the_one_before(void **state)
{
    (void)state;
    add("a", "a1");
    add("a", "a2");
    struct line_item *first = expect_start("a1");
    assert_null(lines_start(&lines));
    finish(first);
    assert_int_equal(lines_length(&lines, "a"), 1);
    struct line_item *second = expect_start("a2");
    assert_ptr_equal(lines_first(&lines, "a"), second);
    finish(second);
    assert_null(lines_start(&lines));
    assert_int_equal(lines_length(&lines, "a"), 0);
    assert_null(lines_first(&lines, "a"));
}

static void sessions_do_not_wait_for_each_other(void **state)
{
    (void)state;
    add("a", "a1");
    add("a", "a2");
    add("b", "b1");
    struct line_item *a = expect_start("a1");
    struct line_item *b = expect_start("b1");
    assert_int_equal(lines.under_way, 2);
    assert_true(lines_retry(&lines, a, now_ms));
    finish(b);
    assert_null(lines_start(&lines));
    add("b", "b2");
    finish(expect_start("b2"));
}

static void failed_item_comes_again_first_after_pauses_that_double(void **state)
{
    int64_t pause_ms = LINES_PAUSE_FIRST_MS;

    (void)state;
    add("a", "a1");
    add("a", "a2");
    for (int i = 0; i < LINES_PAUSES + 1; i++) {
        assert_true(lines_retry(&lines, expect_start("a1"), now_ms));
        pass(pause_ms - 1);
        assert_null(lines_start(&lines));
        pass(1);
        pause_ms *= i < LINES_PAUSES - 1 ? 2 : 1;
    }
    finish(expect_start("a1"));
    assert_true(lines_retry(&lines, expect_start("a2"), now_ms));
    pass(LINES_PAUSE_FIRST_MS); /* what went well makes the pauses short again */
    finish(expect_start("a2"));
}

static void waking_ends_all_pauses(void **state)
{
    (void)state;
    add("a", "a1");
    add("b", "b1");
    assert_true(lines_retry(&lines, expect_start("a1"), now_ms));
    assert_true(lines_retry(&lines, expect_start("b1"), now_ms));
    assert_null(lines_start(&lines));
    lines_wake(&lines);
    finish(expect_start("a1"));
    finish(expect_start("b1"));
}

static void bounds_refuse_what_is_too_much(void **state)
{
    (void)state;
    add("a", "a1");
    add("a", "a2");
    add("a", "a3");
    assert_int_equal(add_bytes("a", "a4", 1), ERR_UPSTREAM_FULL);
    assert_int_equal(add_bytes("b", "b1", 98), ERR_UPSTREAM_FULL);
    assert_int_equal(add_bytes("b", "b1", 97), ERR_OK);
    assert_int_equal(add_bytes("c", "c1", 1), ERR_UPSTREAM_FULL);
    finish(expect_start("a1"));
    assert_int_equal(add_bytes("a", "a4", 1), ERR_OK);
}

static void item_whose_time_is_over_is_given_back(void **state)
{
    (void)state;
    add("a", "a1");
    now_ms += 1;
    add("a", "a2");
    assert_true(lines_retry(&lines, expect_start("a1"), now_ms));
    assert_null(lines_take_late(&lines, START_MS + GIVE_UP_MS - 1));
    struct line_item *late = lines_take_late(&lines, START_MS + GIVE_UP_MS);
    assert_string_equal(((struct named *)late)->name, "a1");
    free(late);
    assert_null(lines_take_late(&lines, START_MS + GIVE_UP_MS));
    pass(LINES_PAUSE_FIRST_MS);
    finish(expect_start("a2"));
}

/* Nobody knows yet whether it got there. */
static void item_under_way_is_late_only_when_it_fails(void **state)
{
    (void)state;
    add("a", "a1");
    add("b", "b1");
    struct line_item *a = expect_start("a1");
    struct line_item *b = expect_start("b1");
    now_ms += GIVE_UP_MS;
    assert_null(lines_take_late(&lines, now_ms));
    finish(a);
    assert_false(lines_retry(&lines, b, now_ms));
    free(b);
    assert_int_equal(lines.count, 0);
}

static void without_a_time_limit_nothing_is_late(void **state)
{
    (void)state;
    lines.limits.give_up_ms = 0;
    add("a", "a1");
    assert_null(lines_take_late(&lines, INT64_MAX));
}

static void end_takes_everything_whatever_it_waits_for(void **state)
{
    (void)state;
    add("a", "a1");
    add("b", "b1");
    add("b", "b2");
    add("c", "c1");
    (void)expect_start("a1");
    assert_true(lines_retry(&lines, expect_start("b1"), now_ms));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(next_item_of_a_session_waits_for_the_one_before),
        TEST(sessions_do_not_wait_for_each_other),
        TEST(failed_item_comes_again_first_after_pauses_that_double),
        TEST(waking_ends_all_pauses),
        TEST(bounds_refuse_what_is_too_much),
        TEST(item_whose_time_is_over_is_given_back),
        TEST(item_under_way_is_late_only_when_it_fails),
        TEST(without_a_time_limit_nothing_is_late),
        TEST(end_takes_everything_whatever_it_waits_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
