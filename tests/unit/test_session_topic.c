/* Topics with history at one session: once, in order, and told where it stands. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/node_rig.h"
#include "wsnode/deliver.h"
#include "wsnode/session_topic.h"

static struct session *s;

static int start(void **state)
{
    int failed = rig_start(state);

    rig.config.topics_allow = "*";
    rig.config.topics_history = "log";
    return failed;
}

static void confirm(void)
{
    struct topic_local *topic;

    while ((topic = topics_local_next(&rig.node.topics, rig.now_ms))) {
        (void)topics_local_until_ms(&rig.node.topics, topic, rig.now_ms);
        topics_local_after(&rig.node, topic, true, rig.now_ms);
    }
}

/* Redis answers what was asked for this subscription: the log after `begin` has these numbers, and
 * ends with `last`. */
static void answer_for(uint32_t asked, const int *numbers, int begin, int last, bool recovered)
{
    struct inbox_entry entries[16];
    struct topics_fetched fetched = {.recovered = recovered, .start = message_number(begin)};

    fetched.page.entries = entries;
    fetched.page.last = message_number(last);
    for (; numbers[fetched.page.count]; fetched.page.count++) {
        int number = numbers[fetched.page.count];
        entries[fetched.page.count] =
            (struct inbox_entry){.id = message_number(number), .payload = payload_of(number)};
    }
    session_after_topic_fetch(&rig.node, s, "log", asked, &fetched);
}

static void answer(const int *numbers, int begin, int last, bool recovered)
{
    answer_for(fake_presence.fetched_number, numbers, begin, last, recovered);
}

/* Subscribed, and standing behind 5. */
static void subscribe(void)
{
    s = rig_live(&format_v1, 100);
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"log\"}");
    confirm();
    assert_int_equal(fake_presence.topic_fetches, 1);
    assert_string_equal(fake_presence.fetched_topic, "log");
    assert_no_frame(s);
    answer(NONE, 5, 5, true);
    assert_frame(
        s, "{\"type\":\"subscribed\",\"topic\":\"log\",\"position\":\"5-0\",\"recovered\":true}");
}

static enum delivery_status forward(int number, int previous)
{
    struct payload *frames[FORMAT_COUNT] = {NULL};
    struct envelope_message message = {.durable = true,
        .id = message_number(number),
        .prev_id = message_number(previous),
        .group = "log",
        .payload = payload_of(number)};
    struct session_forward f = {.message = &message, .frames = frames};

    enum delivery_status status = session_forward(&rig.node, s, &f);
    for (int i = 0; i < FORMAT_COUNT; i++) {
        payload_unref(frames[i]);
    }
    return status;
}

static void assert_message(int number, const char *end)
{
    char text[128];

    snprintf(text, sizeof(text),
        "{\"type\":\"message\",\"id\":\"%d-0\",\"topic\":\"log\",\"json\":%d%s}", number, number,
        end);
    assert_frame(s, text);
}
#define REPLAY ",\"replay\":true"

static void forwards_come_in_order_and_once(void **state)
{
    (void)state;
    subscribe();
    assert_int_equal(forward(6, 5), DELIVERY_WRITTEN);
    assert_int_equal(forward(6, 5), DELIVERY_QUEUED);
    assert_int_equal(forward(7, 6), DELIVERY_WRITTEN);
    assert_message(6, "");
    assert_message(7, "");
    assert_no_frame(s);
    assert_true(message_id_is_zero(s->written)); /* the inbox is another matter */
    assert_int_equal(fake_presence.topic_fetches, 1);
}

static void gap_is_fetched_before_what_showed_it(void **state)
{
    (void)state;
    subscribe();
    assert_int_equal(forward(8, 7), DELIVERY_QUEUED);
    assert_int_equal(fake_presence.topic_fetches, 2);
    assert_int_equal(forward(9, 8), DELIVERY_QUEUED); /* while it is fetched */
    answer(NUMBERS(6, 7, 8), 5, 8, true);
    for (int number = 6; number <= 8; number++) {
        assert_message(number, REPLAY);
    }
    assert_int_equal(fake_presence.topic_fetches, 3); /* 9 may have come too late for that answer */
    answer(NUMBERS(9), 8, 9, true);
    assert_message(9, REPLAY);
    assert_int_equal(forward(10, 9), DELIVERY_WRITTEN);
    assert_message(10, "");
}

static void except(int number, int previous)
{
    struct envelope_message message = {.durable = true,
        .id = message_number(number),
        .prev_id = message_number(previous),
        .group = "log"};

    session_topic_pass(s, &message);
}

static void message_that_excepts_the_session_is_no_gap(void **state)
{
    (void)state;
    subscribe();
    except(6, 5);
    assert_int_equal(forward(7, 6), DELIVERY_WRITTEN);
    assert_message(7, "");
    except(6, 5); /* repeated, it leads nobody back */
    assert_int_equal(forward(8, 7), DELIVERY_WRITTEN);
    assert_message(8, "");
    assert_int_equal(fake_presence.topic_fetches, 1);
}

static void message_that_excepts_the_session_hides_no_gap(void **state)
{
    (void)state;
    subscribe();
    except(7, 6);
    assert_int_equal(forward(8, 7), DELIVERY_QUEUED);
    assert_int_equal(fake_presence.topic_fetches, 2);
    except(9, 8); /* while it is fetched */
    answer(NUMBERS(6, 8), 5, 8, true);
    assert_message(6, REPLAY);
    assert_message(8, REPLAY);
    assert_int_equal(forward(10, 9), DELIVERY_QUEUED);
    assert_int_equal(fake_presence.topic_fetches, 3);
}

/* In one envelope whose sender waits: of the log, and one that is kept nowhere. */
static void deliver_kept_and_volatile(int number, int previous)
{
    struct envelope_message messages[] = {
        {.durable = true,
            .id = message_number(number),
            .prev_id = message_number(previous),
            .group = "log",
            .payload = payload_of(number)},
        {.forward_id = "f", .group = "log", .payload = payload_of(99)},
    };
    struct envelope envelope = {
        .wait = MESSAGE_WAIT_WRITTEN, .wait_ms = 1000, .messages = messages, .message_count = 2};
    struct envelope_answer answer;
    uint64_t awaited;

    assert_int_equal(deliver_envelope(&rig.node, &envelope, rig.now_ms, &answer, &awaited), ERR_OK);
    assert_int_not_equal(awaited, 0);
    assert_int_equal(rig.done_count, 0);
}

static void what_is_left_to_a_fetch_is_not_taken_for_written_with_the_next(void **state)
{
    (void)state;
    subscribe();
    s->socket->takes = 0;
    deliver_kept_and_volatile(8, 7);
    rig_writable(s, -1);
    assert_int_equal(rig.done_count, 1); /* which does not wait for the other one */
    assert_int_equal(rig.done.messages[0].counts.with[DELIVERY_QUEUED], 1);
    assert_int_equal(rig.done.messages[1].counts.with[DELIVERY_WRITTEN], 1);
}

static void forward_before_the_first_answer_is_not_lost(void **state)
{
    (void)state;
    s = rig_live(&format_v1, 100);
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"log\"}");
    confirm();
    assert_int_equal(forward(6, 5), DELIVERY_QUEUED);
    answer(NONE, 5, 5, true); /* the log was read before it */
    rig_discard_frames(s);
    assert_int_equal(fake_presence.topic_fetches, 2);
    answer(NUMBERS(6), 5, 6, true);
    assert_message(6, REPLAY);
}

static void full_queue_is_fetched_once_it_has_drained(void **state)
{
    (void)state;
    subscribe();
    rig.config.node_queue_max_bytes = 40;
    s->socket->takes = 0;
    assert_int_equal(forward(6, 5), DELIVERY_QUEUED);
    assert_int_equal(forward(7, 6), DELIVERY_REJECTED);
    assert_int_equal(fake_presence.topic_fetches, 1);
    rig_writable(s, -1);
    assert_int_equal(fake_presence.topic_fetches, 2);
    answer(NUMBERS(7), 6, 7, true);
    assert_message(6, "");
    assert_message(7, REPLAY);
}

static void end_of_the_log_shows_what_was_missed(void **state)
{
    (void)state;
    subscribe();
    session_topic_check(&rig.node, s, "log", message_number(5));
    assert_int_equal(fake_presence.topic_fetches, 1);
    session_topic_check(&rig.node, s, "log", message_number(6));
    assert_int_equal(fake_presence.topic_fetches, 2);
    answer(NUMBERS(6), 5, 6, true);
    assert_message(6, REPLAY);
}

static void lost_entries_are_told(void **state)
{
    (void)state;
    subscribe();
    session_topic_check(&rig.node, s, "log", message_number(2));
    answer(NONE, 2, 2, false);
    assert_frame(
        s, "{\"type\":\"subscribed\",\"topic\":\"log\",\"position\":\"2-0\",\"recovered\":false}");
    assert_int_equal(forward(3, 2), DELIVERY_WRITTEN);
}

static void failed_fetch_is_made_again(void **state)
{
    (void)state;
    s = rig_live(&format_v1, 100);
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"log\"}");
    confirm();
    session_after_topic_fetch(&rig.node, s, "log", fake_presence.fetched_number, NULL);
    assert_no_frame(s);
    session_topics_catch_up(&rig.node, s);
    assert_int_equal(fake_presence.topic_fetches, 2);
}

static void going_back_voids_what_is_being_fetched(void **state)
{
    struct topics_fetch fetch;

    (void)state;
    subscribe();
    (void)forward(8, 7);
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"log\",\"lastId\":\"2-0\"}");
    answer(NUMBERS(6, 7, 8), 5, 8, true);
    assert_no_frame(s);
    assert_true(session_topic_describe_fetch(s, "log", fake_presence.fetched_number, &fetch));
    assert_false(fetch.from_now);
    assert_id(fetch.after, 2);
    answer(NUMBERS(3, 4), 2, 4, true);
    assert_frame(
        s, "{\"type\":\"subscribed\",\"topic\":\"log\",\"position\":\"2-0\",\"recovered\":true}");
    assert_message(3, REPLAY);
}

static void fetch_of_a_subscription_that_ended_is_not_for_the_next_one(void **state)
{
    struct topics_fetch fetch;

    (void)state;
    subscribe();
    (void)forward(8, 7);
    uint32_t ended = fake_presence.fetched_number;
    rig_text(s, "{\"type\":\"unsubscribe\",\"topic\":\"log\"}");
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"log\",\"lastId\":\"2-0\"}");
    confirm();
    rig_discard_frames(s);
    assert_false(session_topic_describe_fetch(s, "log", ended, &fetch));
    answer_for(ended, NUMBERS(6, 7, 8), 5, 8, true);
    assert_no_frame(s);
    answer(NUMBERS(3, 4), 2, 4, true);
    assert_frame(
        s, "{\"type\":\"subscribed\",\"topic\":\"log\",\"position\":\"2-0\",\"recovered\":true}");
    assert_message(3, REPLAY);
}

static void log_is_not_read_before_the_session_is_open(void **state)
{
    (void)state;
    s = rig_connect(&format_v1, "");
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"log\"}");
    confirm();
    assert_int_equal(forward(6, 5), DELIVERY_QUEUED);
    assert_int_equal(fake_presence.topic_fetches, 0);
    rig_open(s, NONE, 5);
    assert_int_equal(fake_presence.topic_fetches, 1);
}

static void who_left_is_not_meant(void **state)
{
    (void)state;
    subscribe();
    rig_text(s, "{\"type\":\"unsubscribe\",\"topic\":\"log\"}");
    rig_discard_frames(s);
    assert_int_equal(forward(6, 5), DELIVERY_PASSED);
    answer(NUMBERS(6), 5, 6, true); /* asked for before */
    assert_no_frame(s);
}

static void session_that_ends_while_it_is_told_takes_its_subscription_along(void **state)
{
    (void)state;
    s = rig_live(&format_v1, 100);
    rig_text(s, "{\"type\":\"subscribe\",\"topic\":\"log\"}");
    confirm();
    s->socket->broken = true;
    answer(NUMBERS(6), 5, 6, true);
    assert_int_equal(s->state, SESSION_CLOSING);
    assert_null(s->subscriptions);
}

#define test(name) cmocka_unit_test_setup_teardown(name, start, rig_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(forwards_come_in_order_and_once),
        test(gap_is_fetched_before_what_showed_it),
        test(message_that_excepts_the_session_is_no_gap),
        test(message_that_excepts_the_session_hides_no_gap),
        test(what_is_left_to_a_fetch_is_not_taken_for_written_with_the_next),
        test(forward_before_the_first_answer_is_not_lost),
        test(full_queue_is_fetched_once_it_has_drained),
        test(end_of_the_log_shows_what_was_missed),
        test(lost_entries_are_told),
        test(failed_fetch_is_made_again),
        test(going_back_voids_what_is_being_fetched),
        test(fetch_of_a_subscription_that_ended_is_not_for_the_next_one),
        test(log_is_not_read_before_the_session_is_open),
        test(who_left_is_not_meant),
        test(session_that_ends_while_it_is_told_takes_its_subscription_along),
    };

    return cmocka_run_group_tests_name("session_topic", tests, NULL, NULL);
}
