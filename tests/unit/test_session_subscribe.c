/* Subscribing: who may, when it is answered, and what ends it. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/node_rig.h"
#include "wsnode/session_grant.h"
#include "wsnode/session_subscribe.h"

static int start(void **state)
{
    int failed = rig_start(state);

    rig.config.topics_allow = "news/* t*";
    return failed;
}

/* Redis confirms, or does not, all that it has yet to be told. */
static void confirm(bool ok)
{
    struct topic_local *topic;

    while ((topic = topics_local_next(&rig.node.topics, rig.now_ms))) {
        (void)topics_local_until_ms(&rig.node.topics, topic, rig.now_ms);
        topics_local_after(&rig.node, topic, ok, rig.now_ms);
    }
}

static struct session *come(void)
{
    struct session *s = rig_live(&format_v1, 5);

    confirm(true);
    return s;
}

static void subscribed_is_told_once_redis_knows(void **state)
{
    struct session *s = come();

    (void)state;
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"news/a\",\"ref\":\"r1\"}");
    assert_int_equal(fake_presence.topics_changes, 1);
    assert_no_frame(s);
    confirm(false);
    assert_no_frame(s);
    rig.now_ms += 1000;
    confirm(true);
    assert_frame(s, "{\"type\":\"subscribed\",\"topic\":\"news/a\",\"ref\":\"r1\"}");
    assert_no_frame(s);
}

static void second_subscriber_of_a_node_is_told_at_once(void **state)
{
    struct session *first = come(), *second = come();

    (void)state;
    rig_text(first, "{\"type\":\"subscribe\",\"topic\":\"t\"}");
    confirm(true);
    rig_text(second, "{\"type\":\"subscribe\",\"topic\":\"t\"}");
    assert_frame(second, "{\"type\":\"subscribed\",\"topic\":\"t\"}");
    assert_int_equal(fake_presence.topics_changes, 1);
}

static void frame_that_is_repeated_is_answered_with_the_last_ref(void **state)
{
    struct session *s = come();

    (void)state;
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"t\",\"ref\":\"r1\"}");
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"t\",\"ref\":\"r2\"}");
    confirm(true);
    assert_frame(s, "{\"type\":\"subscribed\",\"topic\":\"t\",\"ref\":\"r2\"}");
    assert_no_frame(s);
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"t\"}");
    assert_frame(s, "{\"type\":\"subscribed\",\"topic\":\"t\"}");
    assert_int_equal(topic_table_count(&rig.node.topic_table, "t"), 1);
}

static void topic_that_is_not_allowed_is_refused(void **state)
{
    struct session *s = come();

    (void)state;
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"secret\",\"ref\":\"r\"}");
    assert_frame(s,
        "{\"type\":\"error\",\"code\":40305,\"msg\":\"topic: this session may not "
        "subscribe to this topic\",\"temporary\":false,\"topic\":\"secret\",\"ref\":\"r\"}");
    assert_null(s->subscriptions);
}

static void what_the_token_says_of_topics_counts(void **state)
{
    struct token token = {.user_id = "u1",
        .expires_ms = INT64_MAX / 2,
        .has_topics = true,
        .topics = "mine/*\nown\n"};
    struct session *s = come();

    (void)state;
    assert_int_equal(session_grant_set(&rig.node, s, &token), ERR_OK);
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"mine/a\"}");
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"own\"}");
    confirm(true);
    assert_frame(s, "{\"type\":\"subscribed\",\"topic\":\"mine/a\"}");
    assert_frame(s, "{\"type\":\"subscribed\",\"topic\":\"own\"}");
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"t\"}"); /* that anyone may */
    assert_non_null(strstr(fake_socket_take(s->socket), "\"code\":40305"));
    token.has_topics = false;
    assert_int_equal(session_grant_set(&rig.node, s, &token), ERR_OK);
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"t\"}");
    confirm(true);
    assert_frame(s, "{\"type\":\"subscribed\",\"topic\":\"t\"}");
}

static void one_more_than_allowed_is_refused(void **state)
{
    struct session *s = come();

    (void)state;
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"t1\"}");
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"t2\"}");
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"t3\"}");
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"t4\"}");
    assert_non_null(strstr(fake_socket_take(s->socket), "\"code\":42905"));
    rig_text(s, "{\"type\":\"unsubscribe\",\"topic\":\"t1\"}");
    assert_frame(s, "{\"type\":\"unsubscribed\",\"topic\":\"t1\"}");
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"t4\"}");
    assert_no_frame(s);
    assert_int_equal(s->subscriptions->count, 3);
}

static void session_that_ends_leaves_its_topics(void **state)
{
    struct session *waiting = come(), *told = come();

    (void)state;
    rig_text(told, "{\"type\":\"subscribe\",\"topic\":\"t1\"}");
    confirm(true);
    rig_text(waiting, "{\"type\":\"subscribe\",\"topic\":\"t2\"}");
    session_close(&rig.node, waiting, CLOSE_DRAINED);
    session_close(&rig.node, told, CLOSE_DRAINED);
    assert_int_equal(topic_table_count(&rig.node.topic_table, "t1"), 0);
    assert_int_equal(topic_table_count(&rig.node.topic_table, "t2"), 0);
    confirm(true);
    assert_int_equal(topics_local_count(&rig.node.topics), 0); /* page, serverClient and all, too */
}

static void attendance_is_that_of_what_was_told(void **state)
{
    struct session *s = come();

    (void)state;
    assert_string_equal(fake_attendance.told, "begin");
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"t1\"}");
    assert_string_equal(fake_attendance.told, "begin");
    confirm(true);
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"t2\"}");
    rig_text(s, "{\"type\":\"unsubscribe\",\"topic\":\"t1\"}");
    session_close(&rig.node, s, CLOSE_DRAINED);
    assert_string_equal(fake_attendance.told, "begin +t1 -t1 end"); /* nothing of t2 */
}

static void nobody_subscribes_while_too_much_waits_to_be_told(void **state)
{
    struct session *s = come();

    (void)state;
    fake_announce.is_behind = true;
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"t1\",\"ref\":\"r\"}");
    const char *frame = fake_socket_take(s->socket);
    assert_non_null(strstr(frame, "\"code\":50301,"));
    assert_non_null(strstr(frame, "\"temporary\":true,\"topic\":\"t1\",\"ref\":\"r\""));
    fake_announce.is_behind = false;
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"t1\"}");
    confirm(true);
    assert_frame(s, "{\"type\":\"subscribed\",\"topic\":\"t1\"}");
}

static void attendance_is_told_once_however_often_it_is_asked_for(void **state)
{
    struct session *s = come();

    (void)state;
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"t1\"}");
    confirm(true);
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"t1\"}");
    assert_string_equal(fake_attendance.told, "begin +t1");
}

static void session_that_never_opened_attends_nothing(void **state)
{
    struct session *s = rig_connect(&format_v1, "");

    (void)state;
    session_close(&rig.node, s, CLOSE_DRAINED);
    assert_string_equal(fake_attendance.told, "");
}

static void session_that_ends_as_it_opens_attends_nothing(void **state)
{
    const struct registry_opened opened = {.verdict = REGISTRY_OPENED};
    struct session *s = rig_connect(&format_v1, "");

    (void)state;
    s->socket->broken = true;
    session_after_open(&rig.node, s, &opened);
    assert_int_equal(s->state, SESSION_CLOSING);
    assert_string_equal(fake_attendance.told, "end");
}

static void subscribing_before_the_registry_has_answered_is_fine(void **state)
{
    struct session *s = rig_connect(&format_v1, "");

    (void)state;
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"t\"}");
    confirm(true);
    assert_no_frame(s);
    rig_open(s, NONE, 5);
    assert_non_null(strstr(fake_socket_take(s->socket), "connected"));
    assert_frame(s, "{\"type\":\"subscribed\",\"topic\":\"t\"}");
}

/* version 0: Redis has lost them. topic NULL: none is wanted. */
static void backend_wants(struct session *s, int64_t version, const char *topic)
{
    struct membership item = {.narrowing = "*"};

    snprintf(item.topic, sizeof(item.topic), "%s", topic ? topic : "");
    session_take_memberships(&rig.node, s, &(struct memberships){version, &item, topic ? 1 : 0});
    confirm(true);
}

static void what_the_backend_wants_now_counts_and_nothing_older(void **state)
{
    struct session *s = come();

    (void)state;
    backend_wants(s, 2, "t1");
    assert_frame(s, "{\"type\":\"subscribed\",\"topic\":\"t1\"}");
    backend_wants(s, 1, "t2");
    backend_wants(s, 0, NULL);
    assert_no_frame(s);
    backend_wants(s, 3, "t2");
    assert_frame(s, "{\"type\":\"unsubscribed\",\"topic\":\"t1\"}");
    assert_frame(s, "{\"type\":\"subscribed\",\"topic\":\"t2\"}");
}

#define test(name) cmocka_unit_test_setup_teardown(name, start, rig_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(subscribed_is_told_once_redis_knows),
        test(second_subscriber_of_a_node_is_told_at_once),
        test(frame_that_is_repeated_is_answered_with_the_last_ref),
        test(topic_that_is_not_allowed_is_refused),
        test(what_the_token_says_of_topics_counts),
        test(one_more_than_allowed_is_refused),
        test(session_that_ends_leaves_its_topics),
        test(attendance_is_that_of_what_was_told),
        test(nobody_subscribes_while_too_much_waits_to_be_told),
        test(attendance_is_told_once_however_often_it_is_asked_for),
        test(session_that_never_opened_attends_nothing),
        test(session_that_ends_as_it_opens_attends_nothing),
        test(subscribing_before_the_registry_has_answered_is_fine),
        test(what_the_backend_wants_now_counts_and_nothing_older),
    };

    return cmocka_run_group_tests_name("session_subscribe", tests, NULL, NULL);
}
