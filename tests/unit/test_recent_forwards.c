/* What is remembered of forwards without a message id, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wsnode/recent_forwards.h"

#define FORWARDS_MAX 4096
#define AGE_MAX_MS 60000

static int start(void **state)
{
    *state = recent_forwards_create();
    return *state ? 0 : -1;
}

static int stop(void **state)
{
    recent_forwards_destroy(*state);
    return 0;
}

/* `count` sessions s0, s1, … that were all written. */
static void add(struct recent_forwards *r, const char *forward_id, size_t count, int64_t now_ms)
{
    struct envelope_answer_message answer = {.session_count = count};

    answer.sessions = calloc(count, sizeof(answer.sessions[0]));
    assert_non_null(answer.sessions);
    for (size_t i = 0; i < count; i++) {
        snprintf(answer.sessions[i].session_id, SESSION_ID_BYTES, "s%zu", i);
        answer.sessions[i].status = DELIVERY_WRITTEN;
    }
    recent_forwards_add(r, forward_id, &answer, now_ms);
    free(answer.sessions);
}

static bool knows(
    const struct recent_forwards *r, const char *forward_id, const char *session_id, size_t place)
{
    enum delivery_status status = DELIVERY_REJECTED;
    bool found = recent_forwards_find(r, forward_id, session_id, place, &status);

    assert_int_equal(status, found ? DELIVERY_WRITTEN : DELIVERY_REJECTED);
    return found;
}

static void status_is_found_by_forward_and_session(void **state)
{
    add(*state, "f1", 3, 0);
    assert_true(knows(*state, "f1", "s1", 1));
    assert_true(knows(*state, "f1", "s1", 0));
    assert_true(knows(*state, "f1", "s2", 99));
    assert_false(knows(*state, "f1", "s3", 3));
    assert_false(knows(*state, "f2", "s1", 1));
    assert_false(knows(*state, "", "s1", 1));
}

static void first_answer_stands(void **state)
{
    add(*state, "f1", 1, 0);
    add(*state, "f1", 2, 0);
    assert_true(knows(*state, "f1", "s0", 0));
    assert_false(knows(*state, "f1", "s1", 1));
}

static void forward_without_an_id_is_not_remembered(void **state)
{
    add(*state, "", 1, 0);
    assert_false(knows(*state, "", "s0", 0));
}

static void old_forwards_are_forgotten(void **state)
{
    add(*state, "f1", 1, 1000);
    add(*state, "f2", 1, 1001);
    recent_forwards_on_tick(*state, 1000 + AGE_MAX_MS - 1);
    assert_true(knows(*state, "f1", "s0", 0));
    recent_forwards_on_tick(*state, 1000 + AGE_MAX_MS);
    assert_false(knows(*state, "f1", "s0", 0));
    assert_true(knows(*state, "f2", "s0", 0));
}

static void number_of_forwards_is_bounded(void **state)
{
    char id[SESSION_ID_BYTES];

    for (int i = 0; i <= FORWARDS_MAX; i++) {
        snprintf(id, sizeof(id), "f%d", i);
        add(*state, id, 1, 0);
    }
    assert_false(knows(*state, "f0", "s0", 0));
    assert_true(knows(*state, "f1", "s0", 0));
    assert_true(knows(*state, id, "s0", 0));
}

static void number_of_sessions_is_bounded(void **state)
{
    add(*state, "f1", 100000, 0);
    add(*state, "f2", 100000, 0);
    assert_true(knows(*state, "f1", "s0", 0));
    add(*state, "f3", 1, 0);
    assert_false(knows(*state, "f1", "s0", 0));
    assert_true(knows(*state, "f2", "s99999", 99999));
    assert_true(knows(*state, "f3", "s0", 0));
}

#define test(name) cmocka_unit_test_setup_teardown(name, start, stop)

static void group_is_remembered_by_its_counts(void **state)
{
    struct recent_forwards *r = *state;
    struct envelope_status statuses[] = {{"s0", DELIVERY_WRITTEN, 0}, {"s1", DELIVERY_QUEUED, 0}};
    struct envelope_answer_message answer = {
        .sessions = statuses, .session_count = 2, .is_group = true};
    struct envelope_counts counts;

    recent_forwards_add(r, "f1", &answer, 1000);
    add(r, "f2", 1, 1000);
    assert_true(recent_forwards_find_group(r, "f1", &counts));
    assert_int_equal(counts.with[DELIVERY_WRITTEN], 1);
    assert_int_equal(counts.with[DELIVERY_QUEUED], 1);
    assert_false(recent_forwards_find_group(r, "f2", &counts));
    assert_false(recent_forwards_find_group(r, "f3", &counts));
    assert_false(knows(r, "f1", "s0", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(status_is_found_by_forward_and_session),
        test(first_answer_stands),
        test(forward_without_an_id_is_not_remembered),
        test(old_forwards_are_forgotten),
        test(number_of_forwards_is_bounded),
        test(number_of_sessions_is_bounded),
        test(group_is_remembered_by_its_counts),
    };

    return cmocka_run_group_tests_name("recent_forwards", tests, NULL, NULL);
}
