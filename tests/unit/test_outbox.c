/* The queue of one session: order, bound, ownership. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wsnode/outbox.h"

static void push(struct outbox *o, const char *text, uint64_t number)
{
    struct payload *p = payload_create(text, strlen(text));

    assert_int_equal(outbox_push(o, p, (struct message_id){number, 0}, number * 10), ERR_OK);
    payload_unref(p); /* the queue keeps its own reference */
}

static void assert_pops(struct outbox *o, const char *text, uint64_t number)
{
    struct outbox_item *item = outbox_pop(o);

    assert_non_null(item);
    assert_int_equal(item->payload->len, strlen(text));
    assert_memory_equal(payload_bytes(item->payload), text, strlen(text));
    assert_int_equal(item->id.ms, number);
    assert_int_equal(item->wait, number * 10);
    outbox_item_destroy(item);
}

static void keeps_order_and_counts_bytes(void **state)
{
    struct outbox o;

    (void)state;
    outbox_init(&o);
    assert_true(outbox_is_empty(&o));
    push(&o, "one", 1);
    push(&o, "three", 3);
    assert_int_equal(o.bytes, 8);
    assert_false(outbox_is_empty(&o));
    assert_int_equal(outbox_first(&o)->id.ms, 1);
    assert_pops(&o, "one", 1);
    assert_int_equal(o.bytes, 5);
    assert_pops(&o, "three", 3);
    assert_int_equal(o.bytes, 0);
    assert_null(outbox_pop(&o));
    assert_null(outbox_first(&o));
}

static void has_room_up_to_its_bound(void **state)
{
    struct outbox o;

    (void)state;
    outbox_init(&o);
    push(&o, "12345", 1);
    assert_true(outbox_has_room(&o, 5, 10));
    assert_false(outbox_has_room(&o, 6, 10));
    assert_false(outbox_has_room(&o, SIZE_MAX, 10));
    outbox_finish(&o);
}

static void one_item_always_fits_an_empty_queue(void **state)
{
    struct outbox o;

    (void)state;
    outbox_init(&o);
    assert_true(outbox_has_room(&o, 1000, 10));
    push(&o, "larger than the bound", 1);
    assert_false(outbox_has_room(&o, 0, 10));
    outbox_finish(&o);
    assert_true(outbox_has_room(&o, 1000, 10));
}

static void appends_another_queue_behind_its_own(void **state)
{
    struct outbox o, other;

    (void)state;
    outbox_init(&o);
    outbox_init(&other);
    push(&o, "one", 1);
    push(&other, "two", 2);
    push(&other, "three", 3);
    outbox_append(&o, &other);
    assert_true(outbox_is_empty(&other));
    assert_int_equal(other.bytes, 0);
    assert_int_equal(o.bytes, 11);
    push(&o, "four", 4);
    assert_pops(&o, "one", 1);
    assert_pops(&o, "two", 2);
    assert_pops(&o, "three", 3);
    assert_pops(&o, "four", 4);
}

static void finish_gives_every_reference_back(void **state)
{
    struct outbox o;
    struct payload *p = payload_create("x", 1);

    (void)state;
    outbox_init(&o);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(outbox_push(&o, p, (struct message_id){0, 0}, 0), ERR_OK);
    }
    assert_int_equal(p->refs, 4);
    outbox_finish(&o);
    assert_int_equal(p->refs, 1);
    assert_int_equal(o.bytes, 0);
    payload_unref(p);
    outbox_item_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order_and_counts_bytes),
        cmocka_unit_test(has_room_up_to_its_bound),
        cmocka_unit_test(one_item_always_fits_an_empty_queue),
        cmocka_unit_test(appends_another_queue_behind_its_own),
        cmocka_unit_test(finish_gives_every_reference_back),
    };

    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
