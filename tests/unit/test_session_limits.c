/* What a client may say per second, and how long a session may go without a message. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/node_rig.h"

#define TEXT "{\"type\":\"pong\"}"

static void assert_open(const struct session *s)
{
    assert_int_equal(s->socket->close_code, 0);
}

/* How many texts pass now. The one that did not ends the session. */
static int burst(struct session *s, const char *text, int most)
{
    int count = 0;

    while (count < most) {
        rig_text(s, text);
        if (s->socket->close_code != 0) {
            assert_int_equal(s->socket->close_code, 1008);
            return count;
        }
        count++;
    }
    return count;
}

static void without_options_a_session_keeps_nothing(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    assert_null(s->limits);
    assert_int_equal(burst(s, TEXT, 20000), 20000);
}

static void frames_of_a_second_pass_and_the_next_one_closes(void **state)
{
    static const int64_t rates[] = {1, 3, 7, 1000, 9999, 10000};

    (void)state;
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        rig.config.node_frame_rate = rates[i];
        struct session *s = rig_live(&format_v1, 5);
        assert_int_equal(burst(s, TEXT, 20000), rates[i]);
        assert_string_equal(s->socket->close_reason, "too many frames or bytes");
    }
}

static void share_of_frames_comes_back_with_time(void **state)
{
    (void)state;
    rig.config.node_frame_rate = 10;
    struct session *early = rig_live(&format_v1, 5);
    struct session *patient = rig_live(&format_v1, 5);
    assert_int_equal(burst(early, TEXT, 10), 10);
    assert_int_equal(burst(patient, TEXT, 10), 10);
    rig_pass(99);
    assert_int_equal(burst(early, TEXT, 1), 0);
    rig_pass(1);
    assert_int_equal(burst(patient, TEXT, 100), 1);
}

static void long_silence_saves_up_no_more_than_a_second(void **state)
{
    (void)state;
    rig.config.node_frame_rate = 4;
    struct session *s = rig_live(&format_v1, 5);
    rig_pass(20000);
    assert_int_equal(burst(s, TEXT, 100), 4);
}

static void control_frames_count_as_frames(void **state)
{
    (void)state;
    rig.config.node_frame_rate = 2;
    struct session *s = rig_live(&format_v1, 5);
    session_on_control(&rig.node, s, rig.now_ms);
    session_on_control(&rig.node, s, rig.now_ms);
    assert_open(s);
    session_on_control(&rig.node, s, rig.now_ms);
    assert_int_equal(s->socket->close_code, 1008);
}

static void bytes_of_a_second_pass_and_the_next_one_closes(void **state)
{
    static const int64_t rates[] = {128, 1000, 65536};
    const char *text = "{\"type\":\"pong\" }";

    (void)state;
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        rig.config.node_byte_rate_bytes = rates[i];
        struct session *s = rig_live(&format_v1, 5);
        int whole = (int)(rates[i] / (int64_t)strlen(text));
        assert_int_equal(burst(s, text, 1000000), whole);
    }
}

static void one_message_may_have_all_bytes_of_a_second(void **state)
{
    static char text[1001];

    (void)state;
    rig.config.node_byte_rate_bytes = 1000;
    memset(text, ' ', sizeof(text) - 1);
    memcpy(text, TEXT, strlen(TEXT));
    struct session *s = rig_live(&format_v1, 5);
    rig_text(s, text);
    assert_open(s);
    rig_text(s, TEXT);
    assert_int_equal(s->socket->close_code, 1008);
    s = rig_live(&format_v1, 5);
    session_on_text(&rig.node, s, (struct slice){text, 1000}, rig.now_ms);
    rig_pass(999);
    session_on_text(&rig.node, s, (struct slice){text, 1000}, rig.now_ms);
    assert_int_equal(s->socket->close_code, 1008);
}

static void session_that_was_closed_takes_no_more(void **state)
{
    (void)state;
    rig.config.node_frame_rate = 1;
    struct session *s = rig_live(&format_plain, 5);
    rig_text(s, "a");
    rig_discard_frames(s);
    rig_text(s, "b");
    rig_text(s, "c");
    assert_no_frame(s);
    assert_int_equal(fake_presence.closes, 1);
}

/* The pings of the rig are answered, so that silence is not what ends the session. */
static void pass_idle(struct session *s, int64_t ms)
{
    for (int64_t passed = 0; passed < ms && s->socket->close_code == 0; passed += 1000) {
        rig_pass(passed + 1000 <= ms ? 1000 : ms - passed);
        if (s->socket->close_code == 0) {
            rig_text(s, TEXT);
        }
    }
}

#define IDLE_MS 60000

static struct session *connect_with_idle_timeout(void)
{
    rig.config.node_idle_timeout_ms = IDLE_MS;
    ring_init(&rig.node.idles, IDLE_MS);
    return rig_live(&format_v1, 5);
}

static void session_without_messages_ends(void **state)
{
    struct session *s = connect_with_idle_timeout();

    (void)state;
    pass_idle(s, IDLE_MS - 1);
    assert_open(s);
    pass_idle(s, 1);
    assert_int_equal(s->socket->close_code, 4121);
    assert_int_equal(rig.node.idles.count, 0);
}

static void message_to_the_client_keeps_the_session(void **state)
{
    struct session *s = connect_with_idle_timeout();

    (void)state;
    pass_idle(s, IDLE_MS - 1);
    assert_int_equal(rig_forward(s, 6, 5), DELIVERY_WRITTEN);
    pass_idle(s, IDLE_MS - 1);
    assert_int_equal(rig_forward_volatile(s, "{\"json\":0}"), DELIVERY_WRITTEN);
    pass_idle(s, IDLE_MS - 1);
    assert_open(s);
    pass_idle(s, 1);
    assert_int_equal(s->socket->close_code, 4121);
}

static void replayed_message_keeps_the_session(void **state)
{
    struct session *s = connect_with_idle_timeout();

    (void)state;
    pass_idle(s, IDLE_MS - 1);
    rig_refresh(s, 6);
    rig_fetch(s, NUMBERS(6), 6, false);
    pass_idle(s, IDLE_MS - 1);
    assert_open(s);
}

static void message_from_the_client_keeps_the_session(void **state)
{
    struct session *s = connect_with_idle_timeout();

    (void)state;
    pass_idle(s, IDLE_MS - 1);
    rig_text(s, "{\"type\":\"ack\",\"id\":\"5-0\"}");
    pass_idle(s, IDLE_MS - 1);
    assert_open(s);
}

static void session_that_ends_leaves_no_idle_time_behind(void **state)
{
    struct session *s = connect_with_idle_timeout();

    (void)state;
    session_close(&rig.node, s, CLOSE_GOING_AWAY);
    assert_int_equal(rig.node.idles.count, 0);
    rig_pass(IDLE_MS);
    assert_int_equal(s->socket->close_code, 1001);
}

static void sessions_are_counted_by_client_until_they_are_gone(void **state)
{
    struct session_handshake h = {
        .address = {"pc", "home", "u1"}, .format = &format_v1, .client = 7};
    struct socket *socket = &rig.sockets[rig.socket_count++];

    (void)state;
    client_counts_init(&rig.node.clients, 1);
    fake_socket_init(socket);
    struct session *s = session_on_open(&rig.node, socket, &h, rig.now_ms);
    assert_int_equal(s->client, 7);
    assert_true(client_counts_full(&rig.node.clients, 7));
    session_close(&rig.node, s, CLOSE_GOING_AWAY);
    assert_true(client_counts_full(&rig.node.clients, 7));
    session_on_closed(&rig.node, s);
    assert_false(client_counts_full(&rig.node.clients, 7));
}

static void too_many_sessions_are_closed_and_not_registered(void **state)
{
    static const enum registry_verdict verdicts[] = {
        REGISTRY_TOO_MANY_OF_USER, REGISTRY_TOO_MANY_OF_KEY};

    (void)state;
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        struct session *s = rig_connect(&format_v1, "");
        struct registry_opened opened = {.verdict = verdicts[i]};
        session_after_open(&rig.node, s, &opened);
        assert_int_equal(s->socket->close_code, 4129);
        assert_int_equal(fake_presence.closes, 0);
    }
}

#define test(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(without_options_a_session_keeps_nothing),
        test(frames_of_a_second_pass_and_the_next_one_closes),
        test(share_of_frames_comes_back_with_time),
        test(long_silence_saves_up_no_more_than_a_second),
        test(control_frames_count_as_frames),
        test(bytes_of_a_second_pass_and_the_next_one_closes),
        test(one_message_may_have_all_bytes_of_a_second),
        test(session_that_was_closed_takes_no_more),
        test(session_without_messages_ends),
        test(message_to_the_client_keeps_the_session),
        test(replayed_message_keeps_the_session),
        test(message_from_the_client_keeps_the_session),
        test(session_that_ends_leaves_no_idle_time_behind),
        test(sessions_are_counted_by_client_until_they_are_gone),
        test(too_many_sessions_are_closed_and_not_registered),
    };

    return cmocka_run_group_tests_name("session_limits", tests, NULL, NULL);
}
