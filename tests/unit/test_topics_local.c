/* What Redis is told of a node's groups, and who waits for that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wsnode/node.h"

#define TTL_MS 90000
#define START_MS 1000000

static struct node node;
static struct topics_local *topics = &node.topics;
static int64_t now_ms;
static int joined_count; /* waiters that were told */

static void on_joined(struct node *n, struct topic_waiter *w)
{
    assert_ptr_equal(n, &node);
    assert_null(w->topic);
    joined_count++;
}

static int start(void **state)
{
    (void)state;
    memset(&node, 0, sizeof(node));
    topics_local_init(topics, TTL_MS);
    now_ms = START_MS;
    joined_count = 0;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    topics_local_finish(topics);
    return 0;
}

static void join(const char *group)
{
    assert_int_equal(topics_local_join(topics, group, now_ms), ERR_OK);
}

static void leave(const char *group)
{
    topics_local_leave(topics, group, now_ms);
}

/* What is told next must be this. */
static struct topic_local *next(const char *group, bool has_members)
{
    struct topic_local *topic = topics_local_next(topics, now_ms);

    assert_non_null(topic);
    assert_string_equal(topics_local_name(topic), group);
    assert_int_equal(topics_local_has_members(topic), has_members);
    (void)topics_local_until_ms(topics, topic, now_ms);
    return topic;
}

static void after(struct topic_local *topic, bool ok)
{
    topics_local_after(&node, topic, ok, now_ms);
}

static void tell(const char *group, bool has_members)
{
    after(next(group, has_members), true);
}

static bool is_joined(const char *group)
{
    struct topic_waiter w = {.on_joined = on_joined};
    bool joined = topics_local_await(topics, group, &w);

    topics_local_cancel(&w);
    return joined;
}

#define assert_nothing_due() assert_null(topics_local_next(topics, now_ms))

static void only_the_first_and_the_last_member_are_told(void **state)
{
    (void)state;
    join("t");
    join("t");
    tell("t", true);
    assert_nothing_due();
    assert_true(is_joined("t"));
    leave("t");
    assert_nothing_due();
    leave("t");
    tell("t", false);
    assert_nothing_due();
    assert_int_equal(topics_local_count(topics), 0);
}

static void members_are_counted_whatever_redis_knows(void **state)
{
    (void)state;
    assert_int_equal(topics_local_members(topics, "t"), 0);
    join("t");
    join("t");
    join("u");
    assert_int_equal(topics_local_members(topics, "t"), 2);
    tell("t", true);
    leave("t");
    assert_int_equal(topics_local_members(topics, "t"), 1);
    leave("t");
    assert_int_equal(topics_local_members(topics, "t"), 0);
}

static void group_that_was_never_told_is_not_left(void **state)
{
    (void)state;
    join("t");
    leave("t");
    assert_nothing_due();
    assert_int_equal(topics_local_count(topics), 0);
}

static void waiters_are_told_once_redis_has_confirmed(void **state)
{
    struct topic_waiter first = {.on_joined = on_joined}, second = {.on_joined = on_joined},
                        third = {.on_joined = on_joined};

    (void)state;
    join("t");
    assert_false(topics_local_await(topics, "t", &first));
    struct topic_local *topic = next("t", true);
    assert_false(topics_local_await(topics, "t", &second));
    assert_false(topics_local_await(topics, "t", &third));
    topics_local_cancel(&third);
    after(topic, false);
    assert_int_equal(joined_count, 0);
    assert_nothing_due();
    now_ms += 250;
    tell("t", true);
    assert_int_equal(joined_count, 2);
    assert_true(topics_local_await(topics, "t", &third));
}

static void who_comes_while_the_last_one_leaves_waits_for_a_new_join(void **state)
{
    (void)state;
    join("t");
    tell("t", true);
    leave("t");
    struct topic_local *topic = next("t", false);
    join("t");
    assert_false(is_joined("t"));
    assert_nothing_due(); /* one at a time: none overtakes another */
    after(topic, true);
    tell("t", true);
    assert_true(is_joined("t"));
}

static void who_comes_before_the_leave_was_sent_finds_it_joined(void **state)
{
    (void)state;
    join("t");
    tell("t", true);
    leave("t");
    join("t");
    assert_true(is_joined("t"));
    tell("t", true);
    assert_nothing_due();
}

static void member_that_leaves_during_the_join_is_told_next(void **state)
{
    (void)state;
    join("t");
    struct topic_local *topic = next("t", true);
    leave("t");
    after(topic, true);
    tell("t", false);
    assert_int_equal(topics_local_count(topics), 0);
}

static void leave_that_fails_is_left_to_expire(void **state)
{
    (void)state;
    join("t");
    tell("t", true);
    leave("t");
    after(next("t", false), false);
    assert_int_equal(topics_local_count(topics), 0);
    assert_int_equal(topics_local_pending(topics), 0);
}

static void group_is_told_again_every_third_of_the_ttl(void **state)
{
    (void)state;
    join("t");
    tell("t", true);
    now_ms += TTL_MS / 3 - 1;
    assert_nothing_due();
    now_ms++;
    struct topic_local *topic = next("t", true);
    assert_true(is_joined("t")); /* it still is */
    after(topic, false);
    assert_true(is_joined("t"));
    now_ms += 250;
    tell("t", true);
    assert_nothing_due();
}

static void all_is_told_again_when_redis_lost_it(void **state)
{
    (void)state;
    join("a");
    join("b");
    tell("a", true);
    struct topic_local *asked = next("b", true);
    topics_local_tell_again(topics, now_ms);
    assert_false(is_joined("a"));
    after(asked, true); /* from before the loss, as far as one can know */
    assert_false(is_joined("b"));
    tell("a", true);
    tell("b", true);
    assert_true(is_joined("a") && is_joined("b"));
    assert_nothing_due();
}

static void news_are_asked_for_at_once_and_after_what_is_under_way(void **state)
{
    (void)state;
    topics_local_tell_now(topics, "t", now_ms); /* nobody is there */
    join("t");
    tell("t", true);
    assert_nothing_due();
    topics_local_tell_now(topics, "t", now_ms);
    struct topic_local *asked = next("t", true);
    topics_local_tell_now(topics, "t", now_ms);
    assert_nothing_due();
    after(asked, true);
    assert_true(is_joined("t"));
    tell("t", true);
    assert_nothing_due();
}

static void each_telling_counts_longer_than_those_before(void **state)
{
    (void)state;
    join("t");
    struct topic_local *topic = next("t", true);
    int64_t first_ms = topics_local_until_ms(topics, topic, 5000);
    assert_true(first_ms > 5000 + TTL_MS - 1);
    assert_true(topics_local_until_ms(topics, topic, 5000) > first_ms);
    assert_true(topics_local_until_ms(topics, topic, 1000) > first_ms + 1); /* a clock set back */
    after(topic, true);
}

static void order_is_carried_out_once(void **state)
{
    (void)state;
    assert_false(topics_local_take_order(topics, "t", 100, false)); /* nobody is there */
    join("t");
    tell("t", true);
    assert_false(topics_local_take_order(topics, "t", 0, true)); /* there is none */
    assert_true(topics_local_take_order(topics, "t", 100, false));
    assert_false(topics_local_take_order(topics, "t", 100, false));
    assert_false(topics_local_take_order(topics, "t", 100, true));
    assert_false(topics_local_take_order(topics, "t", 99, false));
    assert_true(topics_local_take_order(topics, "t", 101, false));
}

static void order_that_a_refresh_tells_is_for_those_who_are_there(void **state)
{
    (void)state;
    join("t");
    tell("t", true);
    now_ms += TTL_MS / 3;
    tell("t", true);
    assert_true(topics_local_take_order(topics, "t", 100, true));
}

static void order_of_before_is_not_for_the_first_member(void **state)
{
    (void)state;
    join("t");
    tell("t", true);
    assert_false(topics_local_take_order(topics, "t", 100, true));
    now_ms += TTL_MS / 3;
    tell("t", true);
    assert_false(topics_local_take_order(topics, "t", 100, true));
    assert_true(topics_local_take_order(topics, "t", 101, true));
}

static void pending_is_what_redis_has_yet_to_hear(void **state)
{
    (void)state;
    join("t");
    assert_int_equal(topics_local_pending(topics), 1);
    struct topic_local *topic = next("t", true);
    assert_int_equal(topics_local_pending(topics), 1);
    after(topic, true);
    assert_int_equal(topics_local_pending(topics), 0);
    leave("t");
    assert_int_equal(topics_local_pending(topics), 1);
}

#define test(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(only_the_first_and_the_last_member_are_told),
        test(members_are_counted_whatever_redis_knows),
        test(group_that_was_never_told_is_not_left),
        test(waiters_are_told_once_redis_has_confirmed),
        test(who_comes_while_the_last_one_leaves_waits_for_a_new_join),
        test(who_comes_before_the_leave_was_sent_finds_it_joined),
        test(member_that_leaves_during_the_join_is_told_next),
        test(leave_that_fails_is_left_to_expire),
        test(group_is_told_again_every_third_of_the_ttl),
        test(all_is_told_again_when_redis_lost_it),
        test(news_are_asked_for_at_once_and_after_what_is_under_way),
        test(each_telling_counts_longer_than_those_before),
        test(order_is_carried_out_once),
        test(order_that_a_refresh_tells_is_for_those_who_are_there),
        test(order_of_before_is_not_for_the_first_member),
        test(pending_is_what_redis_has_yet_to_hear),
    };

    return cmocka_run_group_tests_name("topics_local", tests, NULL, NULL);
}
