/* Frames that share packets: what is held, and when it is let go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsnode/burst.h"

#define FRAME_BYTES 100

struct wire {
    int holds; /* how often it was held */
    bool held;
};

void wire_hold(struct wire *w, bool held)
{
    assert_int_not_equal(w->held, held);
    w->held = held;
    w->holds += held;
}

static void note(struct burst *b, struct wire *w, int times)
{
    for (int i = 0; i < times; i++) {
        burst_note(b, w, FRAME_BYTES);
    }
}

static void a_single_frame_is_not_held(void **state)
{
    struct burst b = {.count = 0};
    struct wire w = {.held = false};

    (void)state;
    note(&b, &w, 1);
    assert_false(w.held);
    burst_end(&b);
    note(&b, &w, 1);
    assert_int_equal(w.holds, 0);
}

static void frames_after_the_first_are_held_until_the_turn_ends(void **state)
{
    struct burst b = {.count = 0};
    struct wire w = {.held = false};

    (void)state;
    note(&b, &w, 10);
    assert_true(w.held);
    assert_int_equal(w.holds, 1);
    burst_end(&b);
    assert_false(w.held);
}

static void no_more_is_held_than_the_bound(void **state)
{
    struct burst b = {.count = 0};
    struct wire w = {.held = false};

    (void)state;
    note(&b, &w, 1 + BURST_BYTES_MAX / FRAME_BYTES);
    assert_true(w.held);
    note(&b, &w, 1);
    assert_false(w.held);
    note(&b, &w, 1);
    assert_true(w.held);
}

static void a_frame_above_the_bound_is_not_held(void **state)
{
    struct burst b = {.count = 0};
    struct wire w = {.held = false};

    (void)state;
    note(&b, &w, 1);
    burst_note(&b, &w, BURST_BYTES_MAX + 1);
    assert_int_equal(w.holds, 0);
}

static void wires_that_take_turns_are_all_held(void **state)
{
    struct burst b = {.count = 0};
    struct wire wires[BURST_WIRES_MAX] = {{.held = false}};

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < BURST_WIRES_MAX; i++) {
            note(&b, &wires[i], 1);
        }
    }
    for (int i = 0; i < BURST_WIRES_MAX; i++) {
        assert_true(wires[i].held);
    }
    burst_end(&b);
    for (int i = 0; i < BURST_WIRES_MAX; i++) {
        assert_false(wires[i].held);
    }
}

static void the_wire_noted_first_gives_its_place_to_one_too_many(void **state)
{
    struct burst b = {.count = 0};
    struct wire wires[BURST_WIRES_MAX + 1] = {{.held = false}};

    (void)state;
    for (int i = 0; i < BURST_WIRES_MAX; i++) {
        note(&b, &wires[i], 2);
    }
    note(&b, &wires[BURST_WIRES_MAX], 1);
    assert_false(wires[0].held);
    assert_true(wires[1].held);
}

static void a_wire_that_is_forgotten_is_not_touched_again(void **state)
{
    struct burst b = {.count = 0};
    struct wire w = {.held = false};

    (void)state;
    note(&b, &w, 2);
    burst_forget(&b, &w);
    burst_end(&b);
    assert_true(w.held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_frame_is_not_held),
        cmocka_unit_test(frames_after_the_first_are_held_until_the_turn_ends),
        cmocka_unit_test(no_more_is_held_than_the_bound),
        cmocka_unit_test(a_frame_above_the_bound_is_not_held),
        cmocka_unit_test(wires_that_take_turns_are_all_held),
        cmocka_unit_test(the_wire_noted_first_gives_its_place_to_one_too_many),
        cmocka_unit_test(a_wire_that_is_forgotten_is_not_touched_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
