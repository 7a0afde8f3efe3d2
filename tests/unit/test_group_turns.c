/* Messages for groups: to each member once, in turns of the loop where there are many, and counted.
 * The ends of groups, likewise. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/node_rig.h"
#include "wsnode/group_close.h"

/* As many as two turns of the loop and a half take. */
#define CROWD 640
#define PER_TURN 256

static struct socket *sockets; /* of the crowd */
static struct session *crowd[CROWD];

static int start_crowd(void **state)
{
    static const struct address home = {"pc", "home", "u1"};

    if (rig_start(state)) {
        return -1;
    }
    sockets = calloc(CROWD, sizeof(*sockets));
    assert_non_null(sockets);
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = rig_connect_to(&sockets[i], i % 2 ? &format_v1 : &format_plain, &home);
        rig_open(crowd[i], NONE, 5);
        rig_discard_frames(crowd[i]);
    }
    return 0;
}

static int stop_crowd(void **state)
{
    int failed = rig_stop(state);

    for (int i = 0; i < CROWD; i++) {
        fake_socket_finish(&sockets[i]);
    }
    free(sockets);
    return failed;
}

/* One message for a group; its parts are on the heap, for a pause takes them over. */
static struct envelope envelope_to(const char *group, const char *forward_id, const char *payload)
{
    struct envelope e = {.messages = calloc(1, sizeof(*e.messages)), .message_count = 1};

    assert_non_null(e.messages);
    memcpy(e.boot, rig.node.boot, sizeof(e.boot));
    snprintf(e.messages->group, sizeof(e.messages->group), "%s", group);
    snprintf(e.messages->forward_id, sizeof(e.messages->forward_id), "%s", forward_id);
    e.messages->payload = slice_of(payload);
    return e;
}

static uint64_t deliver(struct envelope *e, struct envelope_answer *answer)
{
    uint64_t number = 99;

    assert_int_equal(deliver_envelope(&rig.node, e, rig.now_ms, answer, &number), ERR_OK);
    envelope_finish(e);
    return number;
}

static int64_t deliver_now(struct envelope *e, enum delivery_status status)
{
    struct envelope_answer answer;

    assert_int_equal(deliver(e, &answer), 0);
    assert_true(answer.messages[0].is_group);
    assert_null(answer.messages[0].sessions);
    int64_t count = answer.messages[0].counts.with[status];
    assert_int_equal(envelope_counts_matched(&answer.messages[0].counts), count);
    envelope_answer_finish(&answer);
    return count;
}

static int64_t done_with(enum delivery_status status)
{
    assert_int_equal(rig.done_count, 1);
    return rig.done.messages[0].counts.with[status];
}

static int crowd_that_got(const char *text)
{
    int count = 0;

    for (int i = 0; i < CROWD; i++) {
        const char *frame = fake_socket_take(&sockets[i]);

        if (frame) {
            assert_non_null(strstr(frame, text));
            count++;
        }
    }
    return count;
}

static void few_members_get_it_at_once(void **state)
{
    static const struct address shop = {"pc", "shop", "u2"};
    struct session *home = rig_live(&format_v1, 5);
    struct session *other = rig_connect_to(&rig.sockets[rig.socket_count++], &format_v1, &shop);

    (void)state;
    rig_open(other, NONE, 5);
    rig_discard_frames(other);
    struct envelope e = envelope_to("pc:home", "f1", "{\"json\":1}");
    assert_int_equal(deliver_now(&e, DELIVERY_WRITTEN), 1);
    assert_frame(home, "{\"type\":\"message\",\"json\":1}");
    assert_no_frame(other);
    e = envelope_to("pc:", "f2", "{\"json\":2}");
    assert_int_equal(deliver_now(&e, DELIVERY_WRITTEN), 2);
    e = envelope_to(":", "f3", "{\"json\":3}");
    assert_int_equal(deliver_now(&e, DELIVERY_WRITTEN), 2);
    e = envelope_to("app:", "f4", "{\"json\":4}");
    assert_int_equal(deliver_now(&e, DELIVERY_WRITTEN), 0);
    assert_false(rig.wants_turns);
}

static void excluded_member_is_left_out(void **state)
{
    struct session *in = rig_live(&format_v1, 5), *out = rig_live(&format_v1, 5);
    struct envelope e = envelope_to("pc:home", "f1", "{\"json\":1}");

    (void)state;
    e.messages->sessions = calloc(1, sizeof(*e.messages->sessions));
    assert_non_null(e.messages->sessions);
    memcpy(e.messages->sessions[0], out->id, SESSION_ID_BYTES);
    e.messages->session_count = 1;
    assert_int_equal(deliver_now(&e, DELIVERY_WRITTEN), 1);
    assert_frame(in, "{\"type\":\"message\",\"json\":1}");
    assert_no_frame(out);
}

static void member_that_is_still_connecting_gets_it_after_that(void **state)
{
    struct session *s = rig_connect(&format_v1, "");
    struct envelope e = envelope_to("pc:home", "f1", "{\"json\":1}");

    (void)state;
    assert_int_equal(deliver_now(&e, DELIVERY_QUEUED), 1);
    assert_no_frame(s);
    rig_open(s, NONE, 5);
    assert_non_null(strstr(fake_socket_take(s->socket), "connected"));
    assert_frame(s, "{\"type\":\"message\",\"json\":1}");
}

static void repeated_forward_delivers_nothing_and_tells_the_first_counts(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct envelope e = envelope_to("pc:home", "f1", "{\"json\":1}");
        assert_int_equal(deliver_now(&e, DELIVERY_WRITTEN), 1);
        (void)rig_live(&format_v1, 5); /* who comes in between is not counted */
    }
    assert_frame(s, "{\"type\":\"message\",\"json\":1}");
    assert_no_frame(s);
}

static void many_members_get_it_in_turns_of_the_loop(void **state)
{
    char payload[] = "{\"json\":1}";
    struct envelope e = envelope_to("pc:home", "f1", payload);
    struct envelope_answer answer;

    (void)state;
    assert_int_not_equal(deliver(&e, &answer), 0);
    memset(payload, 'x', sizeof(payload) - 1); /* the body of the request is gone */
    assert_int_equal(crowd_that_got("\"json\":1}"), PER_TURN);
    rig_turn();
    assert_int_equal(crowd_that_got("\"json\":1}"), PER_TURN);
    assert_int_equal(rig.done_count, 0);
    rig_turn();
    assert_int_equal(crowd_that_got("\"json\":1}"), CROWD - 2 * PER_TURN);
    assert_int_equal(done_with(DELIVERY_WRITTEN), CROWD);
    assert_false(rig.wants_turns);
}

static void members_may_leave_during_a_pause(void **state)
{
    struct envelope e = envelope_to(":", "f1", "{\"json\":1}");
    struct envelope_answer answer;

    (void)state;
    assert_int_not_equal(deliver(&e, &answer), 0);
    for (int i = 0; i < CROWD; i++) {
        if (i % 3 == 0) {
            session_on_closed(&rig.node, crowd[i]);
        }
    }
    while (rig.wants_turns) {
        rig_turn();
    }
    int64_t written = done_with(DELIVERY_WRITTEN);
    assert_in_range(written, CROWD * 2 / 3, CROWD);
    assert_int_equal(crowd_that_got("\"json\":1}"), written);
}

static void one_message_after_another(void **state)
{
    struct envelope first = envelope_to("pc:home", "f1", "{\"json\":1}");
    struct envelope second = envelope_to("pc:home", "f2", "{\"json\":2}");
    struct envelope_answer answer;

    (void)state;
    assert_int_not_equal(deliver(&first, &answer), 0);
    assert_int_not_equal(deliver(&second, &answer), 0);
    while (rig.wants_turns) {
        rig_turn();
    }
    assert_int_equal(crowd_that_got("\"json\":1}"), CROWD);
    assert_int_equal(crowd_that_got("\"json\":2}"), CROWD);
    assert_int_equal(crowd_that_got(""), 0);
}

static void message_for_a_user_does_not_wait_behind_a_crowd(void **state)
{
    struct session *s = crowd[CROWD - 1];
    struct envelope e = envelope_to("pc:home", "f1", "{\"json\":1}");
    struct envelope_answer answer;

    (void)state;
    assert_int_not_equal(deliver(&e, &answer), 0);
    e = envelope_to("", "f2", "{\"json\":2}");
    e.messages->sessions = calloc(1, sizeof(*e.messages->sessions));
    assert_non_null(e.messages->sessions);
    memcpy(e.messages->sessions[0], s->id, SESSION_ID_BYTES);
    e.messages->session_count = 1;
    assert_int_equal(deliver(&e, &answer), 0);
    assert_int_equal(answer.messages[0].sessions[0].status, DELIVERY_WRITTEN);
    envelope_answer_finish(&answer);
    assert_frame(s, "{\"type\":\"message\",\"json\":2}");
}

static void sender_is_answered_in_time_with_what_is_known(void **state)
{
    struct envelope e = envelope_to("pc:home", "f1", "{\"json\":1}");
    struct envelope_answer answer;

    (void)state;
    assert_int_not_equal(deliver(&e, &answer), 0);
    rig_pass(499);
    assert_int_equal(rig.done_count, 0);
    rig_pass(1);
    assert_int_equal(done_with(DELIVERY_WRITTEN), PER_TURN);
    assert_int_equal(done_with(DELIVERY_QUEUED), CROWD - PER_TURN);
    rig_pass(50);
    assert_int_equal(rig.done_count, 1);
    while (rig.wants_turns) {
        rig_turn();
    }
    assert_int_equal(crowd_that_got("\"json\":1}"), CROWD);
}

static void sender_whose_turn_has_not_come_is_told_queued(void **state)
{
    struct envelope first = envelope_to("pc:home", "f1", "{\"json\":1}");
    struct envelope second = envelope_to("pc:home", "f2", "{\"json\":2}");
    struct envelope_answer answer;

    (void)state;
    assert_int_not_equal(deliver(&first, &answer), 0);
    rig_pass(100);
    assert_int_not_equal(deliver(&second, &answer), 0);
    rig_pass(400);
    assert_int_equal(rig.done_count, 1);
    rig_pass(100);
    assert_int_equal(rig.done_count, 2);
    assert_int_equal(rig.done.messages[0].counts.with[DELIVERY_QUEUED], CROWD);
}

static void sender_that_has_gone_changes_nothing(void **state)
{
    struct envelope e = envelope_to("pc:home", "f1", "{\"json\":1}");
    struct envelope_answer answer;
    uint64_t number = deliver(&e, &answer);

    (void)state;
    deliver_cancel(&rig.node, number);
    deliver_end_wait(&rig.node, number);
    while (rig.wants_turns) {
        rig_turn();
    }
    assert_int_equal(crowd_that_got("\"json\":1}"), CROWD);
}

static void members_that_do_not_read_are_awaited(void **state)
{
    struct envelope e = envelope_to("pc:home", "f1", "{\"json\":1}");
    struct envelope_answer answer;

    (void)state;
    crowd[7]->socket->takes = 0;
    e.wait = MESSAGE_WAIT_WRITTEN;
    e.wait_ms = 1000;
    assert_int_not_equal(deliver(&e, &answer), 0);
    while (rig.wants_turns) {
        rig_turn();
    }
    assert_int_equal(rig.done_count, 0);
    rig_writable(crowd[7], -1);
    assert_int_equal(done_with(DELIVERY_WRITTEN), CROWD);
}

static void wait_that_is_over_counts_who_has_not_read(void **state)
{
    struct envelope e = envelope_to("pc:home", "f1", "{\"json\":1}");
    struct envelope_answer answer;

    (void)state;
    crowd[7]->socket->takes = 0;
    e.wait = MESSAGE_WAIT_WRITTEN;
    e.wait_ms = 1000;
    assert_int_not_equal(deliver(&e, &answer), 0);
    while (rig.wants_turns) {
        rig_turn();
    }
    rig_pass(1000);
    assert_int_equal(done_with(DELIVERY_WRITTEN), CROWD - 1);
    assert_int_equal(done_with(DELIVERY_QUEUED), 1);
}

static void node_may_end_in_a_pause(void **state)
{
    struct envelope e = envelope_to("pc:home", "f1", "{\"json\":1}");
    struct envelope_answer answer;

    (void)state;
    e.wait = MESSAGE_WAIT_WRITTEN;
    e.wait_ms = 1000;
    assert_int_not_equal(deliver(&e, &answer), 0);
    assert_true(rig.wants_turns); /* what it holds goes with the rig */
}

static const struct dismissal locked = {4003, "locked"};

static int crowd_that_was_closed(void)
{
    int count = 0;

    for (int i = 0; i < CROWD; i++) {
        count += sockets[i].close_code == locked.code;
    }
    return count;
}

static void few_sessions_are_closed_at_once(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    assert_int_equal(group_close(&rig.node, "app:", &locked, INT64_MAX), 0);
    assert_int_equal(group_close(&rig.node, "pc:home", &locked, INT64_MAX), 1);
    assert_int_equal(s->socket->close_code, 4003);
    assert_string_equal(s->socket->close_reason, "locked");
    assert_int_equal(group_close(&rig.node, "pc:home", &locked, INT64_MAX), 0);
    assert_false(rig.wants_turns);
}

static void session_that_came_after_the_order_is_not_closed(void **state)
{
    struct session *before = rig_live(&format_v1, 5), *after = rig_live(&format_v1, 5);

    (void)state;
    after->since_ms = before->since_ms + 1;
    assert_int_equal(group_close(&rig.node, ":", &locked, before->since_ms), 1);
    assert_int_equal(before->socket->close_code, 4003);
    assert_int_equal(after->socket->close_code, 0);
}

static void many_sessions_are_closed_in_turns_of_the_loop(void **state)
{
    struct session *late;

    (void)state;
    session_on_closed(&rig.node, crowd[CROWD - 1]); /* not meant: it has gone before */
    assert_int_equal(group_close(&rig.node, "pc:home", &locked, INT64_MAX), CROWD - 1);
    assert_int_equal(crowd_that_was_closed(), PER_TURN);
    late = rig_live(&format_v1, 5);
    session_on_closed(&rig.node, crowd[CROWD - 2]); /* it may be closed, or not */
    while (rig.wants_turns) {
        rig_turn();
    }
    assert_in_range(crowd_that_was_closed(), CROWD - 2, CROWD - 1);
    assert_int_equal(late->socket->close_code, 0);
}

static void what_was_sent_before_the_end_comes_before_it(void **state)
{
    struct envelope e = envelope_to("pc:home", "f1", "{\"json\":1}");
    struct envelope_answer answer;

    (void)state;
    assert_int_not_equal(deliver(&e, &answer), 0);
    assert_int_equal(group_close(&rig.node, "pc:home", &locked, INT64_MAX), CROWD);
    assert_int_equal(crowd_that_was_closed(), 0);
    while (rig.wants_turns) {
        rig_turn();
    }
    assert_int_equal(done_with(DELIVERY_WRITTEN), CROWD);
    assert_int_equal(crowd_that_got("\"json\":1}"), CROWD);
    assert_int_equal(crowd_that_was_closed(), CROWD);
}

static void node_may_end_while_it_closes_sessions(void **state)
{
    (void)state;
    assert_int_equal(group_close(&rig.node, "pc:home", &locked, INT64_MAX), CROWD);
    assert_true(rig.wants_turns); /* what it holds goes with the rig */
}

#define test(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)
#define crowd_test(name) cmocka_unit_test_setup_teardown(name, start_crowd, stop_crowd)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(few_members_get_it_at_once),
        test(excluded_member_is_left_out),
        test(member_that_is_still_connecting_gets_it_after_that),
        test(repeated_forward_delivers_nothing_and_tells_the_first_counts),
        crowd_test(many_members_get_it_in_turns_of_the_loop),
        crowd_test(members_may_leave_during_a_pause),
        crowd_test(one_message_after_another),
        crowd_test(message_for_a_user_does_not_wait_behind_a_crowd),
        crowd_test(sender_is_answered_in_time_with_what_is_known),
        crowd_test(sender_whose_turn_has_not_come_is_told_queued),
        crowd_test(sender_that_has_gone_changes_nothing),
        crowd_test(members_that_do_not_read_are_awaited),
        crowd_test(wait_that_is_over_counts_who_has_not_read),
        crowd_test(node_may_end_in_a_pause),
        test(few_sessions_are_closed_at_once),
        test(session_that_came_after_the_order_is_not_closed),
        crowd_test(many_sessions_are_closed_in_turns_of_the_loop),
        crowd_test(what_was_sent_before_the_end_comes_before_it),
        crowd_test(node_may_end_while_it_closes_sessions),
    };

    return cmocka_run_group_tests_name("group_turns", tests, NULL, NULL);
}
