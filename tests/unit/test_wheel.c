/* What is due comes when it is due, once, however far ahead it was and however the clock jumps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsnode/wheel.h"

#define START 1700000000

static struct wheel wheel;

static int start(void **state)
{
    (void)state;
    wheel_init(&wheel, START);
    return 0;
}

static int count_due(int64_t now_s)
{
    int count = 0;

    while (wheel_take_due(&wheel, now_s)) {
        count++;
    }
    return count;
}

static void an_entry_comes_in_its_second_and_not_before(void **state)
{
    static const int64_t ahead[] = {
        1, 2, WHEEL_BUCKETS - 1, WHEEL_BUCKETS, WHEEL_BUCKETS + 1, 7 * WHEEL_BUCKETS + 3};

    (void)state;
    for (size_t i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
        struct wheel_entry e = {.due_s = 0};
        int64_t due_s = wheel.hand_s + ahead[i];

        wheel_add(&wheel, &e, due_s);
        for (int64_t now_s = wheel.hand_s; now_s < due_s; now_s++) {
            assert_null(wheel_take_due(&wheel, now_s));
        }
        assert_ptr_equal(wheel_take_due(&wheel, due_s), &e);
        assert_int_equal(e.due_s, 0);
        assert_null(wheel_take_due(&wheel, due_s));
        assert_int_equal(wheel.count, 0);
    }
}

static void what_is_late_already_comes_in_the_next_second(void **state)
{
    struct wheel_entry late = {.due_s = 0};
    struct wheel_entry now = {.due_s = 0};

    (void)state;
    assert_null(wheel_take_due(&wheel, START + 10));
    wheel_add(&wheel, &late, START - 5);
    wheel_add(&wheel, &now, START + 10);
    assert_int_equal(count_due(START + 11), 2);
}

static void removed_entries_do_not_come(void **state)
{
    struct wheel_entry entries[3] = {{.due_s = 0}};

    (void)state;
    for (int i = 0; i < 3; i++) {
        wheel_add(&wheel, &entries[i], START + 1);
    }
    wheel_remove(&wheel, &entries[1]);
    wheel_remove(&wheel, &entries[1]);
    assert_int_equal(count_due(START + 1), 2);
}

/* A session that is closed because it is due may take others of the same second with it. */
static void the_next_one_may_be_removed_between_two_calls(void **state)
{
    struct wheel_entry entries[3] = {{.due_s = 0}};

    (void)state;
    for (int i = 0; i < 3; i++) {
        wheel_add(&wheel, &entries[i], START + 1);
    }
    assert_ptr_equal(wheel_take_due(&wheel, START + 1), &entries[2]);
    wheel_remove(&wheel, &entries[1]);
    assert_ptr_equal(wheel_take_due(&wheel, START + 1), &entries[0]);
    assert_null(wheel_take_due(&wheel, START + 1));
}

static void entries_of_later_turns_in_the_same_bucket_are_passed_by(void **state)
{
    struct wheel_entry entries[100] = {{.due_s = 0}};

    (void)state;
    for (int i = 0; i < 100; i++) {
        wheel_add(&wheel, &entries[i], START + 1 + (int64_t)i * WHEEL_BUCKETS);
    }
    for (int i = 0; i < 100; i++) {
        assert_int_equal(count_due(START + 1 + (int64_t)i * WHEEL_BUCKETS), 1);
    }
}

static void a_clock_that_jumps_makes_nothing_late(void **state)
{
    struct wheel_entry near = {.due_s = 0};
    struct wheel_entry far = {.due_s = 0};

    (void)state;
    wheel_add(&wheel, &near, START + 1);
    wheel_add(&wheel, &far, START + 3 * WHEEL_BUCKETS);
    assert_int_equal(count_due(START + 100 * WHEEL_BUCKETS), 2);

    wheel_add(&wheel, &near, START + 20);
    assert_int_equal(count_due(START + 10), 0);
    assert_int_equal(count_due(START + 20), 1);
    wheel_add(&wheel, &far, START + 10);
    assert_int_equal(count_due(START + 10), 1); /* the clock went back by ten seconds */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_entry_comes_in_its_second_and_not_before, start),
        cmocka_unit_test_setup(what_is_late_already_comes_in_the_next_second, start),
        cmocka_unit_test_setup(removed_entries_do_not_come, start),
        cmocka_unit_test_setup(the_next_one_may_be_removed_between_two_calls, start),
        cmocka_unit_test_setup(entries_of_later_turns_in_the_same_bucket_are_passed_by, start),
        cmocka_unit_test_setup(a_clock_that_jumps_makes_nothing_late, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
