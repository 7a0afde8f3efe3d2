/* Due times in order, without sorting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsnode/ring.h"

static void entry_is_due_after_the_interval(void **state)
{
    struct ring r;
    struct ring_entry e = {.due_ms = 0};

    (void)state;
    ring_init(&r, 100);
    assert_null(ring_first_due(&r, 5000));
    ring_add(&r, &e, 1000);
    assert_int_equal(r.count, 1);
    assert_null(ring_first_due(&r, 1099));
    assert_ptr_equal(ring_first_due(&r, 1100), &e);
    assert_ptr_equal(ring_first(&r), &e);
    ring_remove(&r, &e);
    assert_null(ring_first_due(&r, 5000));
    assert_null(ring_first(&r));
}

static void entries_come_in_order_of_due_time(void **state)
{
    struct ring r;
    struct ring_entry entries[3] = {{.due_ms = 0}};

    (void)state;
    ring_init(&r, 100);
    for (int i = 0; i < 3; i++) {
        ring_add(&r, &entries[i], 1000 + i);
    }
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(ring_first_due(&r, 2000), &entries[i]);
        ring_remove(&r, &entries[i]);
    }
    assert_int_equal(r.count, 0);
}

static void touched_entry_goes_to_the_end(void **state)
{
    struct ring r;
    struct ring_entry a = {.due_ms = 0}, b = {.due_ms = 0};

    (void)state;
    ring_init(&r, 100);
    ring_add(&r, &a, 1000);
    ring_add(&r, &b, 1010);
    ring_touch(&r, &a, 1050);
    assert_int_equal(r.count, 2);
    assert_ptr_equal(ring_first_due(&r, 1110), &b);
    assert_int_equal(a.due_ms, 1150);
    ring_touch(&r, &b, 1060);
    assert_null(ring_first_due(&r, 1149));
    assert_ptr_equal(ring_first_due(&r, 1150), &a);
}

static void removing_what_is_in_no_ring_is_fine(void **state)
{
    struct ring r;
    struct ring_entry e = {.due_ms = 0};

    (void)state;
    ring_init(&r, 100);
    ring_remove(&r, &e);
    ring_add(&r, &e, 1);
    ring_remove(&r, &e);
    ring_remove(&r, &e);
    assert_int_equal(r.count, 0);
    assert_int_equal(e.due_ms, 0);
    ring_touch(&r, &e, 7);
    assert_int_equal(r.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entry_is_due_after_the_interval),
        cmocka_unit_test(entries_come_in_order_of_due_time),
        cmocka_unit_test(touched_entry_goes_to_the_end),
        cmocka_unit_test(removing_what_is_in_no_ring_is_fine),
    };

    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
