/* Envelopes to sessions on fake sockets: one status per session, and who waits for what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/node_rig.h"

static const char *const nobody = "nobody----------------";

/* An envelope of one message; sessions may hold ids of sessions that are not there. */
struct parcel {
    struct envelope envelope;
    struct envelope_message message;
    char ids[8][SESSION_ID_BYTES];
};

static void parcel_init(struct parcel *p, enum message_wait wait, int64_t wait_ms)
{
    memset(p, 0, sizeof(*p));
    memcpy(p->envelope.boot, rig.node.boot, sizeof(p->envelope.boot));
    p->envelope.wait = wait;
    p->envelope.wait_ms = wait_ms;
    p->envelope.messages = &p->message;
    p->envelope.message_count = 1;
    p->message.sessions = p->ids;
}

static void parcel_add(struct parcel *p, const char *session_id)
{
    snprintf(p->ids[p->message.session_count++], SESSION_ID_BYTES, "%s", session_id);
}

static void make_durable(struct parcel *p, int number)
{
    p->message.durable = true;
    p->message.id = message_number(number);
    p->message.prev_id = message_number(number - 1);
    p->message.payload = payload_of(number);
}

static void make_volatile(struct parcel *p, const char *forward_id)
{
    p->message.payload = slice_of("{\"json\":1}");
    snprintf(p->message.forward_id, sizeof(p->message.forward_id), "%s", forward_id);
}

/* Delivers what must be answered at once. The answer is the caller's. */
static struct envelope_answer deliver(struct parcel *p)
{
    struct envelope_answer answer;
    uint64_t number = 99;

    assert_int_equal(
        deliver_envelope(&rig.node, &p->envelope, rig.now_ms, &answer, &number), ERR_OK);
    assert_int_equal(number, 0);
    return answer;
}

/* Delivers what must be waited for. */
static uint64_t deliver_and_wait(struct parcel *p)
{
    struct envelope_answer answer;
    uint64_t number = 0;

    assert_int_equal(
        deliver_envelope(&rig.node, &p->envelope, rig.now_ms, &answer, &number), ERR_OK);
    assert_int_not_equal(number, 0);
    assert_int_equal(rig.done_count, 0);
    return number;
}

#define assert_status(answer, place, what)                                                         \
    assert_int_equal((answer).messages[0].sessions[place].status, DELIVERY_##what)

static void assert_deliver_status(struct parcel *p, enum delivery_status status)
{
    struct envelope_answer answer = deliver(p);

    assert_int_equal(answer.messages[0].sessions[0].status, status);
    envelope_answer_finish(&answer);
}

static void answer_has_one_status_per_session_in_order(void **state)
{
    struct session *quick = rig_live(&format_v1, 5);
    struct session *slow = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    slow->socket->takes = 0;
    parcel_init(&p, MESSAGE_WAIT_NONE, 0);
    make_durable(&p, 6);
    parcel_add(&p, slow->id);
    parcel_add(&p, nobody);
    parcel_add(&p, quick->id);
    rig.now_ms += 840;
    struct envelope_answer answer = deliver(&p);
    assert_string_equal(answer.boot, rig.node.boot);
    assert_int_equal(answer.message_count, 1);
    assert_int_equal(answer.messages[0].session_count, 3);
    assert_string_equal(answer.messages[0].sessions[0].session_id, slow->id);
    assert_status(answer, 0, QUEUED);
    assert_status(answer, 1, GONE);
    assert_status(answer, 2, WRITTEN);
    assert_int_equal(answer.messages[0].sessions[0].idle_ms, 840);
    assert_int_equal(answer.messages[0].sessions[1].idle_ms, -1);
    envelope_answer_finish(&answer);
}

static void closing_session_is_gone(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    session_close(&rig.node, s, CLOSE_DRAINED);
    parcel_init(&p, MESSAGE_WAIT_ACK, 1000);
    make_durable(&p, 6);
    parcel_add(&p, s->id);
    struct envelope_answer answer = deliver(&p);
    assert_status(answer, 0, GONE);
    assert_int_equal(answer.messages[0].sessions[0].idle_ms, -1);
    envelope_answer_finish(&answer);
}

static void session_of_another_owner_is_gone(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    parcel_init(&p, MESSAGE_WAIT_NONE, 0);
    make_volatile(&p, "forward-1");
    parcel_add(&p, s->id);
    snprintf(p.envelope.owner_user_id, sizeof(p.envelope.owner_user_id), "u2");
    assert_deliver_status(&p, DELIVERY_GONE);
    p.envelope.owner_user_id[1] = '1';
    p.envelope.owner = (struct address){"pc", "news", "u1"};
    assert_deliver_status(&p, DELIVERY_GONE);
    assert_no_frame(s);
    make_volatile(&p, "forward-2"); /* the first one is remembered as it was answered */
    p.envelope.owner = (struct address){"pc", "home", "u1"};
    assert_deliver_status(&p, DELIVERY_WRITTEN);
}

static void wrong_boot_delivers_nothing(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct envelope_answer answer;
    struct parcel p;
    uint64_t number;

    (void)state;
    parcel_init(&p, MESSAGE_WAIT_NONE, 0);
    make_durable(&p, 6);
    parcel_add(&p, s->id);
    snprintf(p.envelope.boot, sizeof(p.envelope.boot), "other");
    assert_int_equal(
        deliver_envelope(&rig.node, &p.envelope, rig.now_ms, &answer, &number), ERR_WRONG_BOOT);
    assert_no_frame(s);
    p.envelope.boot[0] = '\0';
    assert_deliver_status(&p, DELIVERY_WRITTEN);
}

static void several_messages_arrive_in_order(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct envelope_message messages[3];
    struct parcel p;

    (void)state;
    parcel_init(&p, MESSAGE_WAIT_NONE, 0);
    parcel_add(&p, s->id);
    for (int i = 0; i < 3; i++) {
        make_durable(&p, 6 + i);
        messages[i] = p.message;
    }
    p.envelope.messages = messages;
    p.envelope.message_count = 3;
    struct envelope_answer answer = deliver(&p);
    assert_int_equal(answer.message_count, 3);
    assert_int_equal(answer.messages[2].sessions[0].status, DELIVERY_WRITTEN);
    envelope_answer_finish(&answer);
    assert_id(s->written, 8);
}

/* Repeated forwards. */

static void repeated_durable_forward_is_told_as_it_stands_now(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    s->socket->takes = 0;
    parcel_init(&p, MESSAGE_WAIT_NONE, 0);
    make_durable(&p, 6);
    parcel_add(&p, s->id);
    assert_deliver_status(&p, DELIVERY_QUEUED);
    rig_writable(s, -1);
    assert_deliver_status(&p, DELIVERY_WRITTEN);
    rig_text(s, "{\"type\":\"ack\",\"id\":\"6-0\"}");
    assert_deliver_status(&p, DELIVERY_ACKED);
    fake_socket_take(s->socket);
    assert_no_frame(s);
}

static void repeated_volatile_forward_delivers_nothing(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    parcel_init(&p, MESSAGE_WAIT_NONE, 0);
    make_volatile(&p, "forward-1");
    parcel_add(&p, s->id);
    assert_deliver_status(&p, DELIVERY_WRITTEN);
    assert_deliver_status(&p, DELIVERY_WRITTEN);
    assert_frame(s, "{\"type\":\"message\",\"json\":1}");
    assert_no_frame(s);
    make_volatile(&p, "forward-2");
    assert_deliver_status(&p, DELIVERY_WRITTEN);
    assert_frame(s, "{\"type\":\"message\",\"json\":1}");
}

static void repetition_is_recognised_by_session_too(void **state)
{
    struct session *a = rig_live(&format_v1, 5);
    struct session *b = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    parcel_init(&p, MESSAGE_WAIT_NONE, 0);
    make_volatile(&p, "forward-1");
    parcel_add(&p, nobody);
    parcel_add(&p, a->id);
    struct envelope_answer answer = deliver(&p);
    envelope_answer_finish(&answer);
    fake_socket_take(a->socket);

    p.message.session_count = 0;
    parcel_add(&p, a->id);
    parcel_add(&p, b->id);
    answer = deliver(&p);
    envelope_answer_finish(&answer);
    assert_no_frame(a);
    assert_frame(b, "{\"type\":\"message\",\"json\":1}");
}

static void old_forward_ids_are_forgotten(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    parcel_init(&p, MESSAGE_WAIT_NONE, 0);
    make_volatile(&p, "forward-1");
    parcel_add(&p, s->id);
    assert_deliver_status(&p, DELIVERY_WRITTEN);
    fake_socket_take(s->socket);
    deliver_on_tick(&rig.node, rig.now_ms + 59999);
    assert_deliver_status(&p, DELIVERY_WRITTEN);
    assert_no_frame(s);
    deliver_on_tick(&rig.node, rig.now_ms + 60000);
    assert_deliver_status(&p, DELIVERY_WRITTEN);
    assert_frame(s, "{\"type\":\"message\",\"json\":1}");
}

static void memory_of_forward_ids_is_bounded(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    parcel_init(&p, MESSAGE_WAIT_NONE, 0);
    parcel_add(&p, s->id);
    for (int i = 0; i <= 4096; i++) {
        char id[SESSION_ID_BYTES];
        snprintf(id, sizeof(id), "forward-%d", i);
        make_volatile(&p, id);
        assert_deliver_status(&p, DELIVERY_WRITTEN);
    }
    rig_discard_frames(s);
    make_volatile(&p, "forward-1");
    assert_deliver_status(&p, DELIVERY_WRITTEN);
    assert_no_frame(s);
    make_volatile(&p, "forward-0");
    assert_deliver_status(&p, DELIVERY_WRITTEN);
    assert_frame(s, "{\"type\":\"message\",\"json\":1}");
}

static void forward_without_id_is_never_a_repetition(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    parcel_init(&p, MESSAGE_WAIT_NONE, 0);
    make_volatile(&p, "");
    parcel_add(&p, s->id);
    assert_deliver_status(&p, DELIVERY_WRITTEN);
    assert_deliver_status(&p, DELIVERY_WRITTEN);
    fake_socket_take(s->socket);
    assert_frame(s, "{\"type\":\"message\",\"json\":1}");
}

/* Waits. */

static void wait_that_has_nothing_to_wait_for_is_answered_at_once(void **state)
{
    struct session *v1 = rig_live(&format_v1, 5);
    struct session *plain = rig_live(&format_plain, 5);
    struct parcel p;

    (void)state;
    parcel_init(&p, MESSAGE_WAIT_WRITTEN, 1000);
    make_durable(&p, 6);
    parcel_add(&p, v1->id);
    assert_deliver_status(&p, DELIVERY_WRITTEN);
    rig_text(v1, "{\"type\":\"ack\",\"id\":\"6-0\"}");

    /* acked, written by a format that cannot say more, and gone */
    parcel_init(&p, MESSAGE_WAIT_ACK, 1000);
    make_durable(&p, 6);
    parcel_add(&p, v1->id);
    parcel_add(&p, plain->id);
    parcel_add(&p, nobody);
    struct envelope_answer answer = deliver(&p);
    assert_status(answer, 0, ACKED);
    assert_status(answer, 1, WRITTEN);
    assert_status(answer, 2, GONE);
    envelope_answer_finish(&answer);
}

static void wait_of_no_time_is_no_wait(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    parcel_init(&p, MESSAGE_WAIT_ACK, 0);
    make_durable(&p, 6);
    parcel_add(&p, s->id);
    assert_deliver_status(&p, DELIVERY_WRITTEN);
}

static void wait_for_written_ends_when_the_kernel_has_it(void **state)
{
    struct session *a = rig_live(&format_v1, 5);
    struct session *b = rig_live(&format_plain, 5);
    struct parcel p;

    (void)state;
    a->socket->takes = b->socket->takes = 0;
    parcel_init(&p, MESSAGE_WAIT_WRITTEN, 1000);
    make_durable(&p, 6);
    parcel_add(&p, a->id);
    parcel_add(&p, b->id);
    uint64_t number = deliver_and_wait(&p);
    rig_writable(a, -1);
    assert_int_equal(rig.done_count, 0);
    rig_writable(b, -1);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done_number, number);
    assert_status(rig.done, 0, WRITTEN);
    assert_status(rig.done, 1, WRITTEN);
}

static void wait_for_ack_ends_when_the_client_says_so(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    s->socket->takes = 0;
    parcel_init(&p, MESSAGE_WAIT_ACK, 1000);
    make_durable(&p, 6);
    parcel_add(&p, s->id);
    (void)deliver_and_wait(&p);
    rig_writable(s, -1);
    assert_int_equal(rig.done_count, 0);
    rig_text(s, "{\"type\":\"ack\",\"id\":\"6-0\"}");
    assert_int_equal(rig.done_count, 1);
    assert_status(rig.done, 0, ACKED);
}

static void one_ack_settles_all_before_it(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    for (int i = 6; i <= 8; i++) {
        parcel_init(&p, MESSAGE_WAIT_ACK, 1000);
        make_durable(&p, i);
        parcel_add(&p, s->id);
        (void)deliver_and_wait(&p);
    }
    rig_text(s, "{\"type\":\"ack\",\"id\":\"7-0\"}");
    assert_int_equal(rig.done_count, 2);
    rig_text(s, "{\"type\":\"ack\",\"id\":\"8-0\"}");
    assert_int_equal(rig.done_count, 3);
}

static void message_that_is_fetched_is_awaited_too(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    parcel_init(&p, MESSAGE_WAIT_WRITTEN, 1000);
    make_durable(&p, 8);
    parcel_add(&p, s->id);
    (void)deliver_and_wait(&p);
    rig_fetch(s, NUMBERS(6, 7), 7, true);
    assert_int_equal(rig.done_count, 0);
    rig_fetch(s, NUMBERS(8), 8, false);
    assert_int_equal(rig.done_count, 1);
    assert_status(rig.done, 0, WRITTEN);
}

static void volatile_message_is_awaited_until_written_only(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    s->socket->takes = 0;
    parcel_init(&p, MESSAGE_WAIT_ACK, 1000);
    make_volatile(&p, "f");
    parcel_add(&p, s->id);
    (void)deliver_and_wait(&p);
    rig_writable(s, -1);
    assert_int_equal(rig.done_count, 1);
    assert_status(rig.done, 0, WRITTEN);
}

static void volatile_messages_of_one_envelope_are_settled_one_by_one(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct envelope_message messages[2];
    struct parcel p;

    (void)state;
    s->socket->takes = 0;
    parcel_init(&p, MESSAGE_WAIT_WRITTEN, 1000);
    parcel_add(&p, s->id);
    make_volatile(&p, "a");
    messages[0] = p.message;
    make_volatile(&p, "b");
    messages[1] = p.message;
    p.envelope.messages = messages;
    p.envelope.message_count = 2;
    (void)deliver_and_wait(&p);
    rig_writable(s, 0); /* the first has gone, the second is stuck */
    assert_int_equal(rig.done_count, 0);
    rig_pass(1000);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done.messages[0].sessions[0].status, DELIVERY_WRITTEN);
    assert_int_equal(rig.done.messages[1].sessions[0].status, DELIVERY_QUEUED);
}

static void volatile_message_is_not_settled_by_a_durable_one(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    s->socket->takes = 0;
    (void)rig_forward(s, 6, 5);
    parcel_init(&p, MESSAGE_WAIT_WRITTEN, 1000);
    make_volatile(&p, "f");
    parcel_add(&p, s->id);
    (void)deliver_and_wait(&p);
    rig_writable(s, 0); /* 6 has gone, the other is stuck */
    assert_id(s->written, 6);
    assert_int_equal(rig.done_count, 0);
    rig_writable(s, -1);
    assert_int_equal(rig.done_count, 1);
    assert_status(rig.done, 0, WRITTEN);
}

static void wait_that_is_over_tells_what_is_known(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    parcel_init(&p, MESSAGE_WAIT_ACK, 1000);
    make_durable(&p, 6);
    parcel_add(&p, s->id);
    uint64_t number = deliver_and_wait(&p);
    rig_pass(999);
    assert_int_equal(rig.done_count, 0);
    rig_pass(1);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done_number, number);
    assert_status(rig.done, 0, WRITTEN);
    rig_text(s, "{\"type\":\"ack\",\"id\":\"6-0\"}"); /* too late: nobody waits */
    assert_int_equal(rig.done_count, 1);
}

static void session_that_ends_is_gone_unless_it_was_written(void **state)
{
    struct session *written = rig_live(&format_v1, 5);
    struct session *queued = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    queued->socket->takes = 0;
    parcel_init(&p, MESSAGE_WAIT_ACK, 1000);
    make_durable(&p, 6);
    parcel_add(&p, written->id);
    parcel_add(&p, queued->id);
    (void)deliver_and_wait(&p);
    session_on_closed(&rig.node, written);
    session_close(&rig.node, queued, CLOSE_SLOW);
    assert_int_equal(rig.done_count, 1);
    assert_status(rig.done, 0, WRITTEN);
    assert_status(rig.done, 1, GONE);
}

static void cancelled_wait_is_not_reported(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    parcel_init(&p, MESSAGE_WAIT_ACK, 1000);
    make_durable(&p, 6);
    parcel_add(&p, s->id);
    uint64_t number = deliver_and_wait(&p);
    deliver_cancel(&rig.node, number);
    deliver_cancel(&rig.node, number);
    rig_text(s, "{\"type\":\"ack\",\"id\":\"6-0\"}");
    rig_pass(1000);
    assert_int_equal(rig.done_count, 0);
}

static void wait_that_its_caller_ends_tells_what_is_known(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    parcel_init(&p, MESSAGE_WAIT_ACK, 1000);
    make_durable(&p, 6);
    parcel_add(&p, s->id);
    uint64_t number = deliver_and_wait(&p);
    deliver_end_wait(&rig.node, number);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done_number, number);
    assert_status(rig.done, 0, WRITTEN);
    deliver_end_wait(&rig.node, number);
    assert_int_equal(rig.done_count, 1);
}

static void all_that_a_page_passes_over_is_settled(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p, q;
    struct inbox_fetched fetched = {
        .page = {.last = message_number(8), .skipped = message_number(8)}};

    (void)state;
    parcel_init(&p, MESSAGE_WAIT_WRITTEN, 60000);
    make_durable(&p, 7); /* 6 was not heard of */
    parcel_add(&p, s->id);
    (void)deliver_and_wait(&p);
    parcel_init(&q, MESSAGE_WAIT_WRITTEN, 60000);
    make_durable(&q, 8);
    parcel_add(&q, s->id);
    (void)deliver_and_wait(&q);
    session_after_fetch(&rig.node, s, &fetched); /* their ttl is over */
    rig_fetch(s, NONE, 8, false);
    assert_int_equal(s->state, SESSION_LIVE);
    assert_int_equal(rig.done_count, 2);
}

static void ack_that_came_before_the_write_counts(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    parcel_init(&p, MESSAGE_WAIT_ACK, 60000);
    make_durable(&p, 7); /* 6 was not heard of */
    parcel_add(&p, s->id);
    (void)deliver_and_wait(&p);
    rig_text(s, "{\"type\":\"ack\",\"id\":\"7-0\"}");
    s->socket->takes = 0;
    rig_fetch(s, NUMBERS(6, 7), 7, false);
    assert_int_equal(s->state, SESSION_LIVE);
    assert_id(s->acked, 7);
    rig_writable(s, -1);
    rig_writable(s, -1);
    assert_id(s->written, 7);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig.done.messages[0].sessions[0].status, DELIVERY_ACKED);
}

static void rejected_message_is_not_waited_for(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct parcel p;

    (void)state;
    rig.config.node_queue_max_bytes = 40;
    s->socket->takes = 0;
    (void)rig_forward(s, 6, 5);
    parcel_init(&p, MESSAGE_WAIT_WRITTEN, 1000);
    make_durable(&p, 7);
    parcel_add(&p, s->id);
    assert_deliver_status(&p, DELIVERY_REJECTED);
}

#define test(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(answer_has_one_status_per_session_in_order),
        test(closing_session_is_gone),
        test(session_of_another_owner_is_gone),
        test(wrong_boot_delivers_nothing),
        test(several_messages_arrive_in_order),
        test(repeated_durable_forward_is_told_as_it_stands_now),
        test(repeated_volatile_forward_delivers_nothing),
        test(repetition_is_recognised_by_session_too),
        test(old_forward_ids_are_forgotten),
        test(memory_of_forward_ids_is_bounded),
        test(forward_without_id_is_never_a_repetition),
        test(wait_that_has_nothing_to_wait_for_is_answered_at_once),
        test(wait_of_no_time_is_no_wait),
        test(wait_for_written_ends_when_the_kernel_has_it),
        test(wait_for_ack_ends_when_the_client_says_so),
        test(one_ack_settles_all_before_it),
        test(message_that_is_fetched_is_awaited_too),
        test(volatile_message_is_awaited_until_written_only),
        test(volatile_messages_of_one_envelope_are_settled_one_by_one),
        test(volatile_message_is_not_settled_by_a_durable_one),
        test(wait_that_is_over_tells_what_is_known),
        test(session_that_ends_is_gone_unless_it_was_written),
        test(cancelled_wait_is_not_reported),
        test(wait_that_its_caller_ends_tells_what_is_known),
        test(all_that_a_page_passes_over_is_settled),
        test(ack_that_came_before_the_write_counts),
        test(rejected_message_is_not_waited_for),
    };

    return cmocka_run_group_tests_name("deliver", tests, NULL, NULL);
}
