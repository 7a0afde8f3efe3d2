/* Several commands in one round trip: their replies in order, or none. */
#include <string.h>

#include "fcgi-send/pipeline.h"
#include "tests/unit/domain.h"

static void add_words(struct pipeline *p, const char *first, const char *second)
{
    struct command *c = pipeline_add(p);

    command_add_str(c, first);
    command_add_str(c, second);
}

static void replies_come_in_the_order_of_the_commands(void **state)
{
    struct pipeline p;

    (void)state;
    assert_int_equal(pipeline_init(&p, 3), ERR_OK);
    add_words(&p, "ECHO", "one");
    add_words(&p, "INCR", PREFIX "n");
    assert_int_equal(pipeline_run(&p, redis, false), ERR_OK);
    assert_int_equal(p.count, 2);
    assert_string_equal(p.replies[0]->str, "one");
    assert_int_equal(p.replies[1]->integer, 1);
    pipeline_finish(&p);
}

static void nothing_to_run_needs_no_redis(void **state)
{
    struct redis_sync *nobody = connect_to_nobody();
    struct pipeline p;

    (void)state;
    assert_int_equal(pipeline_init(&p, 0), ERR_OK);
    assert_int_equal(pipeline_run(&p, nobody, false), ERR_OK);
    pipeline_finish(&p);
    redis_sync_destroy(nobody);
}

static void failure_leaves_no_replies(void **state)
{
    struct redis_sync *nobody = connect_to_nobody();
    struct pipeline p;

    (void)state;
    assert_int_equal(pipeline_init(&p, 2), ERR_OK);
    add_words(&p, "ECHO", "one");
    add_words(&p, "ECHO", "two");
    assert_int_equal(pipeline_run(&p, nobody, true), ERR_REDIS_DOWN);
    assert_null(p.replies[0]);
    assert_null(p.replies[1]);
    pipeline_finish(&p);
    redis_sync_destroy(nobody);
}

static void one_error_reply_fails_all(void **state)
{
    struct pipeline p;

    (void)state;
    assert_int_equal(pipeline_init(&p, 2), ERR_OK);
    add_words(&p, "ECHO", "one");
    add_words(&p, "NO-SUCH-COMMAND", "x");
    assert_int_equal(pipeline_run(&p, redis, false), ERR_INTERNAL);
    assert_null(p.replies[0]);
    pipeline_finish(&p);
}

#define test(name) cmocka_unit_test_setup(name, domain_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(replies_come_in_the_order_of_the_commands),
        test(nothing_to_run_needs_no_redis),
        test(failure_leaves_no_replies),
        test(one_error_reply_fails_all),
    };

    return cmocka_run_group_tests(tests, domain_start, domain_stop);
}
