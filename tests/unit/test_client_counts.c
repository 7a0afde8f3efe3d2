/* Sessions per address: the edge of the limit, and that nothing is kept of whom has gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsnode/client_counts.h"

static void last_one_that_fits_fills_it(void **state)
{
    struct client_counts t;

    (void)state;
    client_counts_init(&t, 2);
    assert_false(client_counts_full(&t, 7));
    client_counts_add(&t, 7);
    assert_false(client_counts_full(&t, 7));
    client_counts_add(&t, 7);
    assert_true(client_counts_full(&t, 7));
    assert_false(client_counts_full(&t, 8));
    client_counts_remove(&t, 7);
    assert_false(client_counts_full(&t, 7));
    client_counts_remove(&t, 7);
    assert_null(t.counts);
    client_counts_finish(&t);
}

static void without_a_limit_nothing_is_kept(void **state)
{
    struct client_counts t;

    (void)state;
    client_counts_init(&t, 0);
    client_counts_add(&t, 7);
    assert_null(t.counts);
    assert_false(client_counts_full(&t, 7));
    client_counts_remove(&t, 7);
    client_counts_finish(&t);
}

static void one_that_was_not_counted_may_leave(void **state)
{
    struct client_counts t;

    (void)state;
    client_counts_init(&t, 1);
    client_counts_remove(&t, 7);
    assert_false(client_counts_full(&t, 7));
    client_counts_finish(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_one_that_fits_fills_it),
        cmocka_unit_test(without_a_limit_nothing_is_kept),
        cmocka_unit_test(one_that_was_not_counted_may_leave),
    };

    return cmocka_run_group_tests_name("client_counts", tests, NULL, NULL);
}
