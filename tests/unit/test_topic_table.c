/* Subscriptions by topic and by session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsnode/session.h"
#include "wsnode/topic_table.h"

static void count_one(struct session *s, void *arg)
{
    (void)s;
    ++*(int *)arg;
}

static int members_of(const struct topic_table *t, const char *topic)
{
    int count = 0;

    topic_table_each(t, topic, count_one, &count);
    assert_int_equal(topic_table_count(t, topic), count);
    return count;
}

static void subscriptions_are_found_by_topic_and_by_session(void **state)
{
    struct topic_table t = {NULL};
    struct subscriptions a = {.count = 0}, b = {.count = 0};
    struct session *first = (struct session *)(void *)&a, *second = (struct session *)(void *)&b;

    (void)state;
    struct subscription *a_news = topic_table_add(&t, first, &a, "news");
    struct subscription *a_art = topic_table_add(&t, first, &a, "art");
    struct subscription *b_news = topic_table_add(&t, second, &b, "news");
    assert_int_equal(members_of(&t, "news"), 2);
    assert_int_equal(members_of(&t, "art"), 1);
    assert_int_equal(members_of(&t, "new"), 0);
    assert_int_equal(a.count, 2);
    assert_ptr_equal(topic_table_find(&a, "news"), a_news);
    assert_ptr_equal(topic_table_find(&b, "news"), b_news);
    assert_null(topic_table_find(&b, "art"));
    assert_string_equal(topic_table_name(a_art), "art");
    topic_table_remove(&t, &a, a_news); /* the last one takes its place */
    assert_int_equal(members_of(&t, "news"), 1);
    topic_table_remove(&t, &b, b_news);
    assert_int_equal(members_of(&t, "news"), 0);
    topic_table_remove(&t, &a, a_art);
    assert_int_equal(a.count, 0);
    assert_null(t.by_name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subscriptions_are_found_by_topic_and_by_session),
    };

    return cmocka_run_group_tests_name("topic_table", tests, NULL, NULL);
}
