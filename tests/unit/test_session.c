/* A session's life on a fake socket and a fake registry. Messages are numbers: see node_rig.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/node_rig.h"

#define PLAIN_SESSION "{\"key\":\"pc:home:u1\",\"userId\":\"u1\",\"sessionId\":\"%s\""

/* What the next frame must be: the %s in it is the session's id. */
static void assert_frame_of(struct session *s, const char *format)
{
    char expected[1024];
    const char *place = strstr(format, "%s");

    assert_non_null(place);
    snprintf(
        expected, sizeof(expected), "%.*s%s%s", (int)(place - format), format, s->id, place + 2);
    assert_frame(s, expected);
}

static void assert_message(struct session *s, int number)
{
    char expected[128];

    snprintf(expected, sizeof(expected), "{\"type\":\"message\",\"id\":\"%d-0\",\"json\":%d}",
        number, number);
    assert_frame(s, expected);
}

static void assert_replayed(struct session *s, int number)
{
    char expected[128];

    snprintf(expected, sizeof(expected),
        "{\"type\":\"message\",\"id\":\"%d-0\",\"json\":%d,\"replay\":true}", number, number);
    assert_frame(s, expected);
}

static void assert_error(struct session *s, int code, const char *msg)
{
    char expected[256];

    snprintf(expected, sizeof(expected),
        "{\"type\":\"error\",\"code\":%d,\"msg\":\"%s\",\"temporary\":false}", code, msg);
    assert_frame(s, expected);
}

/* So large that two of them don't fit the queue. */
static const char *large_payload(void)
{
    static char text[700];

    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "{\"json\":\"", strlen("{\"json\":\""));
    memcpy(text + sizeof(text) - 3, "\"}", 2);
    return text;
}

/* The socket takes nothing more, and one frame is stuck in it. */
static void block(struct session *s)
{
    s->socket->takes = 0;
    assert_int_equal(rig_forward_volatile(s, "{\"json\":0}"), DELIVERY_QUEUED);
    rig_discard_frames(s);
}

/* Connecting. */

static void connected_frame_waits_for_the_registry(void **state)
{
    struct session *s = rig_connect(&format_v1, "5-0");

    (void)state;
    assert_int_equal(s->state, SESSION_OPENING);
    assert_int_equal(fake_presence.opens, 1);
    assert_string_equal(fake_presence.last_id, "5-0");
    assert_no_frame(s);
    rig_open(s, NONE, 5);
    assert_frame_of(s,
        "{\"type\":\"connected\",\"sessionId\":\"%s\",\"key\":\"pc:home:u1\",\"unread\":0,"
        "\"ping\":31250,\"position\":\"5-0\",\"recovered\":true,\"missed\":0}");
    assert_no_frame(s);
    assert_int_equal(s->state, SESSION_LIVE);
}

static void replay_comes_after_connected_and_is_marked(void **state)
{
    struct session *s = rig_connect(&format_v1, "5-0");

    (void)state;
    rig_open(s, NUMBERS(6, 7), 7);
    assert_frame_of(s,
        "{\"type\":\"connected\",\"sessionId\":\"%s\",\"key\":\"pc:home:u1\",\"unread\":2,"
        "\"ping\":31250,\"position\":\"5-0\",\"recovered\":true,\"missed\":2}");
    assert_replayed(s, 6);
    assert_replayed(s, 7);
    assert_no_frame(s);
    assert_int_equal(s->state, SESSION_LIVE);
    assert_int_equal(rig_forward(s, 8, 7), DELIVERY_WRITTEN);
    assert_message(s, 8);
}

static void position_without_last_id_is_where_the_replay_starts(void **state)
{
    struct session *s = rig_connect(&format_v1, "");
    struct inbox_entry entry = {.id = message_number(9), .payload = payload_of(9)};
    struct registry_opened opened = {
        .position = message_number(9),
        .recovered = true,
        .unread = 1,
        .missed = 1,
        .start = message_number(3),
        .cursors = {.filter = true},
        .page = {.entries = &entry, .count = 1, .last = message_number(9)},
    };

    (void)state;
    session_after_open(&rig.node, s, &opened);
    assert_frame_of(s,
        "{\"type\":\"connected\",\"sessionId\":\"%s\",\"key\":\"pc:home:u1\",\"unread\":1,"
        "\"ping\":31250,\"position\":\"3-0\",\"recovered\":true,\"missed\":1}");
    assert_replayed(s, 9);
}

static void unread_notice_comes_only_if_there_are_any(void **state)
{
    struct session *s = rig_connect(&format_plain, "");

    (void)state;
    rig_open(s, NONE, 5);
    assert_frame_of(
        s, "{\"type\":2,\"forwardSocketUserInfoRequest\":" PLAIN_SESSION ",\"position\":\"5-0\"}}");
    assert_no_frame(s);

    s = rig_connect(&format_plain, "");
    rig_open(s, NUMBERS(6, 7), 7);
    assert_frame_of(
        s, "{\"type\":2,\"forwardSocketUserInfoRequest\":" PLAIN_SESSION ",\"position\":\"0-0\"}}");
    assert_frame_of(s, "{\"type\":3,\"forwardSocketUserInfoRequest\":" PLAIN_SESSION
                       ",\"msgInfo\":\"You have 2 unread messages\"}}");
    assert_frame_of(s, "{\"type\":1,\"forwardSocketUserInfoRequest\":{\"id\":\"6-0\",\"key\":"
                       "\"pc:home:u1\",\"userId\":\"u1\",\"sessionId\":\"%s\",\"json\":6}}");
}

static void durable_forward_while_opening_is_fetched(void **state)
{
    struct session *s = rig_connect(&format_v1, "5-0");

    (void)state;
    assert_int_equal(rig_forward(s, 7, 6), DELIVERY_QUEUED);
    rig_open(s, NUMBERS(6), 6);
    assert_int_equal(s->state, SESSION_REPLAYING);
    assert_int_equal(fake_presence.fetches, 1);
    assert_id(fake_presence.fetched_after, 6);
    rig_discard_frames(s);
    rig_fetch(s, NUMBERS(7), 7, false);
    assert_replayed(s, 7);
    assert_int_equal(s->state, SESSION_LIVE);
}

static void durable_forward_that_the_replay_has_is_not_fetched(void **state)
{
    struct session *s = rig_connect(&format_v1, "5-0");

    (void)state;
    assert_int_equal(rig_forward(s, 6, 5), DELIVERY_QUEUED);
    rig_open(s, NUMBERS(6), 6);
    assert_int_equal(s->state, SESSION_LIVE);
    assert_int_equal(fake_presence.fetches, 0);
}

/* The client may claim anything: until the registry has answered, its lastId drops nothing. */
static void claimed_last_id_drops_no_forward(void **state)
{
    struct session *s = rig_connect(&format_v1, "999-0");
    struct registry_opened opened = {.cursors = {.filter = true},
        .position = message_number(6),
        .page = {.last = message_number(6)}};

    (void)state;
    assert_int_equal(rig_forward(s, 7, 6), DELIVERY_QUEUED);
    session_after_open(&rig.node, s, &opened);
    assert_int_equal(fake_presence.fetches, 1);
    rig_discard_frames(s);
    rig_fetch(s, NUMBERS(7), 7, false);
    assert_replayed(s, 7);
}

static void volatile_forwards_wait_for_the_replay(void **state)
{
    struct session *s = rig_connect(&format_v1, "5-0");

    (void)state;
    assert_int_equal(rig_forward_volatile(s, "{\"json\":\"a\"}"), DELIVERY_QUEUED);
    rig_open_more(s, NUMBERS(6), 7);
    assert_int_equal(rig_forward_volatile(s, "{\"json\":\"b\"}"), DELIVERY_QUEUED);
    rig_fetch(s, NUMBERS(7), 7, false);
    fake_socket_take(s->socket);
    assert_replayed(s, 6);
    assert_replayed(s, 7);
    assert_frame(s, "{\"type\":\"message\",\"json\":\"a\"}");
    assert_frame(s, "{\"type\":\"message\",\"json\":\"b\"}");
    assert_null(s->held);
}

static void volatile_forwards_do_not_wait_for_a_registry_that_is_away(void **state)
{
    struct session *s = rig_connect(&format_v1, "5-0");

    (void)state;
    rig_open_more(s, NUMBERS(6), 7);
    rig_discard_frames(s);
    assert_int_equal(rig_forward_volatile(s, "{\"json\":\"a\"}"), DELIVERY_QUEUED);
    session_after_fetch(&rig.node, s, NULL);
    assert_frame(s, "{\"type\":\"message\",\"json\":\"a\"}");
    assert_int_equal(rig_forward_volatile(s, "{\"json\":\"b\"}"), DELIVERY_WRITTEN);
}

static void held_forwards_are_bounded(void **state)
{
    struct session *s = rig_connect(&format_v1, "5-0");

    (void)state;
    assert_int_equal(rig_forward_volatile(s, large_payload()), DELIVERY_QUEUED);
    assert_int_equal(rig_forward_volatile(s, large_payload()), DELIVERY_REJECTED);
    rig_open(s, NONE, 5);
    rig_pass(rig.config.node_slow_timeout_ms);
    assert_int_equal(s->state, SESSION_LIVE); /* it was the registry that was slow */
}

static void nothing_comes_before_connected(void **state)
{
    struct session *s = rig_connect(&format_plain, "");

    (void)state;
    rig_text(s, "early");
    assert_no_frame(s);
    rig_open(s, NONE, 5);
    assert_frame_of(
        s, "{\"type\":2,\"forwardSocketUserInfoRequest\":" PLAIN_SESSION ",\"position\":\"5-0\"}}");
    assert_frame_of(s,
        "{\"type\":4,\"forwardSocketUserInfoRequest\":" PLAIN_SESSION ",\"msgInfo\":\"early\"}}");
}

static void registry_that_does_not_answer_ends_the_connect(void **state)
{
    struct session *s = rig_connect(&format_v1, "");

    (void)state;
    rig_pass(rig.config.node_registry_wait_ms - 1);
    assert_int_equal(s->socket->close_code, 0);
    rig_pass(1);
    assert_int_equal(s->socket->close_code, CLOSE_TRY_LATER);
    assert_string_equal(s->socket->close_reason, "registry unavailable");
}

static void answer_for_a_session_that_has_ended_is_undone(void **state)
{
    struct session *s = rig_connect(&format_v1, "");

    (void)state;
    session_close(&rig.node, s, CLOSE_DRAINED);
    assert_int_equal(fake_presence.closes, 1);
    rig_open(s, NUMBERS(1), 1);
    assert_int_equal(fake_presence.closes, 2);
    assert_int_equal(s->state, SESSION_CLOSING);
    assert_no_frame(s);
}

/* Duplicates. */

static void open_with_duplicate(struct session *s, const char *session_id)
{
    struct registry_entry older = {.address = {"pc", "home", "u1"}};
    struct registry_opened opened = {.recovered = true, .duplicates = &older, .duplicate_count = 1};

    snprintf(older.session_id, sizeof(older.session_id), "%s", session_id);
    session_after_open(&rig.node, s, &opened);
}

static void older_session_on_this_node_is_told(void **state)
{
    struct session *older = rig_live(&format_v1, 5);
    struct session *s = rig_connect(&format_v1, "");

    (void)state;
    rig.config.node_on_duplicate = ON_DUPLICATE_NOTIFY;
    open_with_duplicate(s, older->id);
    assert_frame(older, "{\"type\":\"duplicate\",\"msgInfo\":\"You are connected elsewhere too\"}");
    assert_int_equal(older->state, SESSION_LIVE);
    assert_int_equal(fake_presence.hints, 0);
}

static void older_session_on_this_node_is_replaced(void **state)
{
    struct session *older = rig_live(&format_v1, 5);
    struct session *s = rig_connect(&format_v1, "");

    (void)state;
    rig.config.node_on_duplicate = ON_DUPLICATE_REPLACE;
    open_with_duplicate(s, older->id);
    assert_int_equal(older->socket->close_code, CLOSE_REPLACED);
    assert_int_equal(s->state, SESSION_LIVE);
}

static void older_session_elsewhere_is_hinted(void **state)
{
    struct session *s = rig_connect(&format_v1, "");

    (void)state;
    rig.config.node_on_duplicate = ON_DUPLICATE_REPLACE;
    open_with_duplicate(s, "elsewhere-------------");
    assert_int_equal(fake_presence.hints, 1);
    assert_int_equal(fake_presence.hint, HINT_REPLACED);
    assert_string_equal(fake_presence.hinted, "elsewhere-------------");

    s = rig_connect(&format_v1, "");
    rig.config.node_on_duplicate = ON_DUPLICATE_NOTIFY;
    open_with_duplicate(s, "elsewhere-------------");
    assert_int_equal(fake_presence.hint, HINT_NOTIFY);
}

static void newer_session_is_refused(void **state)
{
    struct session *s = rig_connect(&format_v1, "");
    struct registry_opened opened = {.verdict = REGISTRY_IS_DUPLICATE};

    (void)state;
    session_after_open(&rig.node, s, &opened);
    assert_int_equal(s->socket->close_code, CLOSE_REPLACED);
    assert_no_frame(s);
    assert_int_equal(fake_presence.closes, 0); /* nothing was written, so nothing is removed */
}

/* Forwards. */

static void forward_in_order_is_written_at_once(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    assert_int_equal(rig_forward(s, 6, 5), DELIVERY_WRITTEN);
    assert_int_equal(rig_forward(s, 9, 6), DELIVERY_WRITTEN);
    assert_message(s, 6);
    assert_message(s, 9);
    assert_no_frame(s);
    assert_id(s->watermark, 9);
    assert_id(s->written, 9);
}

static void repeated_forward_is_dropped_and_its_status_told(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    assert_int_equal(rig_forward(s, 6, 5), DELIVERY_WRITTEN);
    assert_int_equal(rig_forward(s, 6, 5), DELIVERY_WRITTEN);
    rig_text(s, "{\"type\":\"ack\",\"id\":\"6-0\"}");
    assert_int_equal(rig_forward(s, 6, 5), DELIVERY_ACKED);
    s->socket->takes = 0;
    assert_int_equal(rig_forward(s, 7, 6), DELIVERY_QUEUED);
    assert_int_equal(rig_forward(s, 7, 6), DELIVERY_QUEUED);
    rig_writable(s, -1);
    assert_message(s, 6);
    assert_message(s, 7);
    assert_no_frame(s);
}

static void gap_is_fetched_from_the_watermark(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    assert_int_equal(rig_forward(s, 8, 7), DELIVERY_QUEUED);
    assert_int_equal(s->state, SESSION_REPLAYING);
    assert_id(fake_presence.fetched_after, 5);
    assert_no_frame(s);
    assert_int_equal(rig_forward(s, 9, 8), DELIVERY_QUEUED);
    assert_int_equal(fake_presence.fetches, 1);
    rig_fetch(s, NUMBERS(6, 7, 8), 8, false);
    assert_replayed(s, 6);
    assert_replayed(s, 7);
    assert_replayed(s, 8);
    /* 9 came while the answer was on its way. */
    assert_int_equal(fake_presence.fetches, 2);
    assert_id(fake_presence.fetched_after, 8);
    rig_fetch(s, NUMBERS(9), 9, false);
    assert_replayed(s, 9);
    assert_int_equal(s->state, SESSION_LIVE);
    assert_int_equal(rig_forward(s, 10, 9), DELIVERY_WRITTEN);
}

static void entries_for_other_sessions_are_no_gap_twice(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    (void)rig_forward(s, 8, 7);
    rig_fetch(s, NUMBERS(8), 9, false); /* 6, 7 and 9 were not for it */
    assert_replayed(s, 8);
    assert_id(s->watermark, 9);
    assert_int_equal(rig_forward(s, 10, 9), DELIVERY_WRITTEN);
}

static void forward_that_the_inbox_lost_is_asked_for_once(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    (void)rig_forward(s, 8, 7);
    rig_fetch(s, NONE, 5, false);
    assert_int_equal(s->state, SESSION_LIVE);
    assert_int_equal(fake_presence.fetches, 1);
}

static void failed_fetch_is_tried_again(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    (void)rig_forward(s, 8, 7);
    session_after_fetch(&rig.node, s, NULL);
    assert_int_equal(s->state, SESSION_REPLAYING);
    assert_int_equal(fake_presence.fetches, 1);
    rig_refresh(s, 5);
    assert_int_equal(fake_presence.fetches, 2);
    session_after_fetch(&rig.node, s, NULL);
    session_resync(&rig.node, s);
    assert_int_equal(fake_presence.fetches, 3);
    rig_fetch(s, NUMBERS(7, 8), 8, false);
    assert_replayed(s, 7);
    assert_replayed(s, 8);
    assert_int_equal(s->state, SESSION_LIVE);
}

static void place_that_the_inbox_does_not_know_ends_the_session(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct inbox_fetched fetched = {.gap = true};

    (void)state;
    (void)rig_forward(s, 8, 7);
    session_after_fetch(&rig.node, s, &fetched);
    assert_int_equal(s->socket->close_code, CLOSE_RESYNC);
    assert_no_frame(s);
}

static void answer_that_nobody_asked_for_is_ignored(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    rig_fetch(s, NUMBERS(6), 6, false);
    assert_no_frame(s);
    assert_id(s->watermark, 5);
}

static void refresh_shows_what_was_missed(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    rig_refresh(s, 5);
    assert_int_equal(fake_presence.fetches, 0);
    rig_refresh(s, 6);
    assert_int_equal(fake_presence.fetches, 1);
    rig_fetch(s, NUMBERS(6), 6, false);
    assert_replayed(s, 6);
}

static void refresh_that_says_replaced_ends_the_session(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct registry_refreshed refreshed = {.replaced = true};

    (void)state;
    session_after_refresh(&rig.node, s, &refreshed, s->watermark);
    assert_int_equal(s->socket->close_code, CLOSE_REPLACED);
}

static void refresh_that_says_closed_ends_the_session(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct registry_refreshed refreshed = {.dismissal = {4123, "come back later"}};

    (void)state;
    session_after_refresh(&rig.node, s, &refreshed, s->watermark);
    assert_int_equal(s->socket->close_code, 4123);
    assert_string_equal(s->socket->close_reason, "come back later");
}

static void hint_during_a_fetch_leads_to_another(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    session_resync(&rig.node, s);
    session_resync(&rig.node, s);
    assert_int_equal(fake_presence.fetches, 1);
    rig_fetch(s, NONE, 5, false);
    assert_int_equal(fake_presence.fetches, 2);
    rig_fetch(s, NONE, 5, false);
    assert_int_equal(fake_presence.fetches, 2);
    assert_int_equal(s->state, SESSION_LIVE);
}

static void hint_while_opening_is_not_lost(void **state)
{
    struct session *s = rig_connect(&format_v1, "5-0");

    (void)state;
    session_resync(&rig.node, s);
    rig_open(s, NONE, 5);
    assert_int_equal(fake_presence.fetches, 1);
}

/* As when a token is revoked, or a close is ordered, while the answer to the open is on its way. */
static void session_that_is_to_be_checked_while_opening_is_refreshed_once_open(void **state)
{
    struct session *s = rig_connect(&format_v1, "");

    (void)state;
    session_check(&rig.node, s);
    assert_int_equal(fake_presence.refreshes, 0);
    rig_open(s, NONE, 5);
    assert_int_equal(fake_presence.refreshes, 1);
    session_check(&rig.node, s);
    assert_int_equal(fake_presence.refreshes, 2);
}

static void frame_is_encoded_once_for_all_sessions_of_a_format(void **state)
{
    struct session *a = rig_live(&format_v1, 5);
    struct session *b = rig_live(&format_v1, 5);
    struct session *plain = rig_live(&format_plain, 5);
    struct payload *frames[FORMAT_COUNT] = {NULL};
    struct envelope_message message = {.payload = payload_of(6)};
    struct session_forward f = {.message = &message, .frames = frames};

    (void)state;
    a->socket->takes = b->socket->takes = 0;
    (void)session_forward(&rig.node, a, &f);
    (void)session_forward(&rig.node, b, &f);
    (void)session_forward(&rig.node, plain, &f);
    assert_ptr_equal(outbox_first(&a->outbox)->payload, outbox_first(&b->outbox)->payload);
    assert_int_equal(frames[FORMAT_V1]->refs, 3);
    assert_null(frames[FORMAT_PLAIN]);
    payload_unref(frames[FORMAT_V1]);
}

/* Slow sockets. */

static void buffered_message_counts_only_once_it_has_gone(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    s->socket->takes = 0;
    assert_int_equal(rig_forward(s, 6, 5), DELIVERY_QUEUED);
    assert_id(s->watermark, 6);
    assert_id(s->written, 0);
    session_on_writable(&rig.node, s); /* not free yet */
    assert_id(s->written, 0);
    rig_writable(s, -1);
    assert_id(s->written, 6);
    assert_true(outbox_is_empty(&s->outbox));
    assert_message(s, 6);
    assert_no_frame(s);
}

static void outbox_keeps_order_when_socket_blocks(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    s->socket->takes = 1;
    assert_int_equal(rig_forward(s, 6, 5), DELIVERY_WRITTEN);
    assert_int_equal(rig_forward(s, 7, 6), DELIVERY_QUEUED);
    assert_int_equal(rig_forward_volatile(s, "{\"json\":\"a\"}"), DELIVERY_QUEUED);
    assert_int_equal(rig_forward(s, 8, 7), DELIVERY_QUEUED);
    assert_id(s->watermark, 8);
    rig_writable(s, 1);
    assert_id(s->written, 7);
    rig_writable(s, -1);
    assert_id(s->written, 8);
    assert_message(s, 6);
    assert_message(s, 7);
    assert_frame(s, "{\"type\":\"message\",\"json\":\"a\"}");
    assert_message(s, 8);
    assert_no_frame(s);
}

static void frame_behind_a_ping_that_is_stuck_is_not_forgotten(void **state)
{
    struct session *s = rig_live(&format_plain, 5);

    (void)state;
    s->socket->takes = 0;
    rig_pass(rig.config.node_ping_interval_ms);
    assert_false(s->socket->free);
    assert_int_equal(rig_forward(s, 6, 5), DELIVERY_QUEUED);
    assert_true(s->socket->wants_writable);
    rig_writable(s, -1);
    assert_id(s->written, 6);
}

static void turn_of_a_long_queue_ends_and_comes_again(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    int number = 6;

    (void)state;
    rig.config.node_queue_max_bytes = 1000000;
    block(s);
    while (number < 106) {
        assert_int_equal(rig_forward(s, number, number - 1), DELIVERY_QUEUED);
        number++;
    }
    s->socket->wants_writable = false;
    rig_writable(s, -1);
    assert_false(outbox_is_empty(&s->outbox));
    assert_true(s->socket->wants_writable);
    assert_int_equal(rig_forward(s, 106, 105), DELIVERY_QUEUED); /* not past those before it */
    rig_writable(s, -1);
    assert_id(s->written, 106);
}

static void full_outbox_rejects_and_fetches_when_it_has_drained(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    block(s);
    assert_int_equal(rig_forward_volatile(s, large_payload()), DELIVERY_QUEUED);
    assert_int_equal(rig_forward_volatile(s, large_payload()), DELIVERY_REJECTED);
    for (int i = 6; rig_forward(s, i, i - 1) == DELIVERY_QUEUED; i++) {
        assert_in_range(i, 6, 50);
    }
    int first_rejected = (int)s->watermark.ms + 1;
    assert_int_equal(rig_forward(s, first_rejected + 1, first_rejected), DELIVERY_REJECTED);
    assert_int_equal(fake_presence.fetches, 0);
    rig_writable(s, -1);
    assert_int_equal(fake_presence.fetches, 1);
    assert_id(fake_presence.fetched_after, first_rejected - 1);
    assert_int_equal(s->full.due_ms, 0);
    rig_discard_frames(s);
    rig_fetch(s, NUMBERS(first_rejected, first_rejected + 1), first_rejected + 1, false);
    assert_replayed(s, first_rejected);
    assert_replayed(s, first_rejected + 1);
    assert_int_equal(s->state, SESSION_LIVE);
}

static void who_was_full_once_and_catches_up_is_not_closed(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    block(s);
    int n = 0;
    while (rig_forward_volatile(s, large_payload()) == DELIVERY_QUEUED) {
        assert_in_range(n++, 0, 1000);
    }
    rig_forward_volatile(s, "{\"json\":1}");
    for (int i = 0; i < 100; i++) {
        rig_text(s, "{\"type\":\"pong\"}");
        rig_pass(rig.config.node_slow_timeout_ms / 50);
        for (int k = 0; k < 3; k++) {
            assert_int_equal(rig_forward_volatile(s, "{\"json\":1}"), DELIVERY_QUEUED);
        }
        rig_writable(s, 2); /* three go, so something is left */
        rig_discard_frames(s);
        assert_false(outbox_is_empty(&s->outbox));
    }
    assert_int_equal(s->state, SESSION_LIVE);
}

static void rejected_message_is_expected_in_the_inbox(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    rig.config.node_queue_max_bytes = 40;
    block(s);
    assert_int_equal(rig_forward(s, 6, 5), DELIVERY_REJECTED);
    assert_true(s->expects);
}

static void rest_of_a_page_that_was_rejected_is_expected(void **state)
{
    struct session *s = rig_connect(&format_v1, "");

    (void)state;
    rig.config.node_queue_max_bytes = 40;
    block(s);
    rig_open(s, NUMBERS(6, 7), 7);
    assert_int_equal(s->state, SESSION_REPLAYING);
    assert_true(message_id_compare(s->watermark, message_number(7)) < 0);
    assert_true(s->expects);
}

static void what_was_forwarded_while_opening_is_expected(void **state)
{
    struct session *s = rig_connect(&format_v1, "");

    (void)state;
    assert_int_equal(rig_forward(s, 6, 5), DELIVERY_QUEUED);
    rig_open(s, NONE, 5);
    assert_int_equal(fake_presence.fetches, 1);
    assert_true(s->expects);
}

static void last_message_before_a_silence_is_fetched_after_a_rejection(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    rig.config.node_queue_max_bytes = 40;
    block(s);
    assert_int_equal(rig_forward(s, 6, 5), DELIVERY_REJECTED);
    assert_id(s->watermark, 5);
    rig_writable(s, -1);
    assert_int_equal(fake_presence.fetches, 1);
}

static void session_that_stays_full_is_closed(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct session *quick = rig_live(&format_v1, 5);

    (void)state;
    block(s);
    block(quick);
    (void)rig_forward_volatile(s, large_payload());
    assert_int_equal(rig_forward_volatile(s, large_payload()), DELIVERY_REJECTED);
    (void)rig_forward_volatile(quick, large_payload());
    assert_int_equal(rig_forward_volatile(quick, large_payload()), DELIVERY_REJECTED);
    rig_pass(rig.config.node_slow_timeout_ms - 1);
    rig_writable(quick, -1);
    rig_pass(1);
    assert_int_equal(s->socket->close_code, CLOSE_SLOW);
    assert_int_equal(quick->socket->close_code, 0);
}

/* It is not silent, it is slow: that has a limit of its own. */
static void full_queue_is_no_silence(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    rig_pass(rig.config.node_ping_interval_ms);
    block(s);
    (void)rig_forward_volatile(s, large_payload());
    assert_int_equal(rig_forward_volatile(s, large_payload()), DELIVERY_REJECTED);
    rig_pass(rig.config.node_pong_timeout_ms);
    assert_int_equal(s->socket->close_code, 0);
    rig_pass(rig.config.node_slow_timeout_ms - rig.config.node_pong_timeout_ms);
    assert_int_equal(s->socket->close_code, CLOSE_SLOW);
}

static void failed_fetch_is_repeated_by_the_next_forward(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    session_resync(&rig.node, s);
    session_after_fetch(&rig.node, s, NULL);
    assert_int_equal(fake_presence.fetches, 1);
    assert_int_equal(rig_forward(s, 6, 5), DELIVERY_QUEUED);
    assert_int_equal(fake_presence.fetches, 2);
}

/* A page whose only entry is not for the session (any more): expired, or it excepts the session. */
static void awaited_message_that_is_passed_over_is_not_called_written(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct inbox_fetched fetched = {
        .page = {.last = message_number(6), .skipped = message_number(6)}};

    (void)state;
    session_resync(&rig.node, s);
    assert_int_equal(rig_forward(s, 6, 5), DELIVERY_QUEUED);
    session_after_fetch(&rig.node, s, &fetched);
    assert_int_equal(session_delivery_status(s, message_number(6)), DELIVERY_PASSED);
    rig_fetch(s, NONE, 6, false); /* the forward was heard of during the first one */
    assert_int_equal(rig_forward(s, 7, 6), DELIVERY_WRITTEN);
    assert_int_equal(session_delivery_status(s, message_number(6)), DELIVERY_PASSED);
    assert_int_equal(session_delivery_status(s, message_number(7)), DELIVERY_WRITTEN);
}

static void inbox_that_ends_before_the_watermark_ends_the_session(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct registry_refreshed refreshed = {.position = message_number(4)};

    (void)state;
    session_after_refresh(&rig.node, s, &refreshed, message_number(4)); /* it came meanwhile */
    assert_int_equal(s->socket->close_code, 0);
    session_after_refresh(&rig.node, s, &refreshed, message_number(5));
    assert_int_equal(s->socket->close_code, CLOSE_RESYNC);
}

static void early_acknowledgement_counts_once_the_replay_is_there(void **state)
{
    struct session *s = rig_connect(&format_v1, "5-0");

    (void)state;
    rig_text(s, "{\"type\":\"ack\",\"id\":\"7-0\"}");
    rig_open_more(s, NUMBERS(6), 8);
    assert_true(message_id_is_zero(s->acked));
    rig_fetch(s, NUMBERS(7, 8), 8, false);
    assert_id(s->acked, 7);
}

static void early_acknowledgement_of_what_never_was_is_refused(void **state)
{
    struct session *s = rig_connect(&format_v1, "5-0");

    (void)state;
    rig_text(s, "{\"type\":\"ack\",\"id\":\"9-0\"}");
    rig_open(s, NUMBERS(6), 6);
    rig_discard_frames(s);
    assert_true(message_id_is_zero(s->acked));
    assert_true(message_id_is_zero(s->early_ack));
}

static void replay_respects_the_bound_of_the_queue(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    int numbers[51] = {0};

    (void)state;
    for (int i = 0; i < 50; i++) {
        numbers[i] = 6 + i;
    }
    session_resync(&rig.node, s);
    s->socket->takes = 3;
    rig_fetch(s, numbers, 55, false);
    assert_in_range(s->outbox.bytes, 1, rig.config.node_queue_max_bytes);
    assert_int_equal(s->state, SESSION_REPLAYING);
    int last = (int)s->watermark.ms;
    assert_in_range(last, 9, 54);
    assert_int_equal(fake_presence.fetches, 1);
    rig_writable(s, -1);
    assert_int_equal(fake_presence.fetches, 2);
    assert_id(fake_presence.fetched_after, last);
    rig_fetch(s, numbers + (last - 5), 55, false);
    for (int i = 6; i <= 55; i++) {
        assert_replayed(s, i);
    }
    assert_no_frame(s);
    assert_int_equal(s->state, SESSION_LIVE);
}

static void next_page_waits_for_the_outbox(void **state)
{
    struct session *s = rig_connect(&format_v1, "5-0");

    (void)state;
    s->socket->takes = 1;
    rig_open_more(s, NUMBERS(6, 7), 9);
    assert_int_equal(fake_presence.fetches, 0);
    rig_writable(s, -1);
    assert_int_equal(fake_presence.fetches, 1);
    assert_id(fake_presence.fetched_after, 7);
    assert_false(fake_presence.fetched_filtered);
}

static void filter_lasts_as_long_as_the_first_replay(void **state)
{
    struct session *s = rig_connect(&format_v1, "");

    (void)state;
    rig_open_more(s, NUMBERS(6, 7), 9);
    assert_true(fake_presence.fetched_filtered);
    rig_fetch(s, NUMBERS(8), 8, true);
    assert_true(fake_presence.fetched_filtered);
    rig_fetch(s, NUMBERS(9), 9, false);
    assert_null(s->replay);
    session_resync(&rig.node, s);
    assert_false(fake_presence.fetched_filtered);
}

static void broken_socket_ends_the_session(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    s->socket->broken = true;
    assert_int_equal(rig_forward(s, 6, 5), DELIVERY_GONE);
    assert_int_equal(s->state, SESSION_CLOSING);
    assert_int_equal(s->socket->close_code, 0); /* there is nobody to send it to */
    assert_int_equal(fake_presence.closes, 1);
    assert_int_equal(rig_forward(s, 7, 6), DELIVERY_GONE);
    assert_int_equal(rig_forward_volatile(s, "{}"), DELIVERY_GONE);
}

static void broken_socket_is_noticed_while_draining(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    block(s);
    (void)rig_forward(s, 6, 5);
    s->socket->broken = true;
    rig_writable(s, -1);
    assert_int_equal(s->state, SESSION_CLOSING);
    assert_true(outbox_is_empty(&s->outbox));
}

/* What clients say. */

static void ack_moves_the_read_cursor_forward_only(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    (void)rig_forward(s, 6, 5);
    (void)rig_forward(s, 7, 6);
    rig_discard_frames(s);
    rig_text(s, "{\"type\":\"ack\",\"id\":\"7-0\"}");
    assert_int_equal(fake_presence.acks, 1);
    assert_id(fake_presence.acked, 7);
    rig_text(s, "{\"type\":\"ack\",\"id\":\"6-0\"}");
    rig_text(s, "{\"type\":\"ack\",\"id\":\"7-0\"}");
    assert_int_equal(fake_presence.acks, 1);
    assert_no_frame(s);
}

static void ack_of_what_was_never_sent_is_refused(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    rig_text(s, "{\"type\":\"ack\",\"id\":\"6-0\"}");
    assert_error(s, 40014, "id: unknown id");
    assert_int_equal(fake_presence.acks, 0);
    assert_id(s->acked, 0);
    assert_int_equal(s->state, SESSION_LIVE);
}

static void ack_before_the_registry_answered_is_refused(void **state)
{
    struct session *s = rig_connect(&format_v1, "999-0");

    (void)state;
    rig_text(s, "{\"type\":\"ack\",\"id\":\"998-0\"}");
    assert_int_equal(fake_presence.acks, 0);
}

static void plain_message_is_read_once_it_is_written(void **state)
{
    struct session *s = rig_live(&format_plain, 5);

    (void)state;
    assert_int_equal(rig_forward(s, 6, 5), DELIVERY_WRITTEN);
    assert_int_equal(fake_presence.acks, 1);
    assert_id(fake_presence.acked, 6);
    s->socket->takes = 0;
    assert_int_equal(rig_forward(s, 7, 6), DELIVERY_QUEUED);
    assert_int_equal(fake_presence.acks, 1);
    rig_writable(s, -1);
    assert_id(fake_presence.acked, 7);
    assert_int_equal(rig_forward(s, 6, 5), DELIVERY_WRITTEN); /* it never said so itself */
}

static void text_of_a_plain_client_is_echoed_if_configured(void **state)
{
    struct session *s = rig_live(&format_plain, 5);

    (void)state;
    rig_text(s, "hi \"you\"");
    assert_frame_of(s, "{\"type\":4,\"forwardSocketUserInfoRequest\":" PLAIN_SESSION
                       ",\"msgInfo\":\"hi \\\"you\\\"\"}}");
    rig.config.node_echo = false;
    rig_text(s, "hi");
    assert_no_frame(s);
}

static void coming_and_going_is_announced(void **state)
{
    struct session *s = rig_connect(&format_v1, "");
    struct session *other = rig_connect(&format_v1, "");

    (void)state;
    assert_int_equal(fake_announce.opened, 0);
    rig_open(s, NONE, 5);
    assert_int_equal(fake_announce.opened, 1);
    session_close(&rig.node, s, CLOSE_DRAINED);
    session_on_closed(&rig.node, s);
    assert_int_equal(fake_announce.closed, 1);
    assert_int_equal(fake_announce.code, 1012);
    assert_int_equal(fake_announce.end, EVENTS_CLOSED);
    session_on_closed(&rig.node, other); /* nobody heard of it */
    assert_int_equal(fake_announce.closed, 1);
    session_on_closed(&rig.node, rig_live(&format_v1, 5));
    assert_int_equal(fake_announce.closed, 2);
    assert_int_equal(fake_announce.end, EVENTS_BROKEN);
    assert_int_equal(fake_announce.code, 0);
    s = rig_live(&format_v1, 5);
    session_on_peer_close(&rig.node, s, 1001);
    session_on_closed(&rig.node, s);
    assert_int_equal(fake_announce.closed, 3);
    assert_int_equal(fake_announce.end, EVENTS_LEFT);
    assert_int_equal(fake_announce.code, 1001);
    session_close(&rig.node, rig_live(&format_v1, 5), CLOSE_REPLACED);
    assert_int_equal(fake_announce.end, EVENTS_REPLACED);
}

static void refresh_announces_again(void **state)
{
    (void)state;
    (void)rig_live(&format_v1, 5);
    rig.node.register_again_before_ms = rig.now_ms + 1;
    rig_pass(50);
    assert_int_equal(fake_presence.refreshes, 1);
    assert_int_equal(fake_announce.opened, 1);
    assert_int_equal(fake_announce.again, 1);
}

static void text_goes_upstream_as_it_stands(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct session *plain = rig_live(&format_plain, 5);

    (void)state;
    rig.config.upstream_to = UPSTREAM_TO_STREAM;
    rig_text(s, "{\"type\":\"send\",\"to\":\"a/b\",\"json\":{\"n\": 1.0},\"ref\":\"r1\"}");
    assert_int_equal(fake_upstream.taken, 1);
    assert_true(fake_upstream.is_json);
    assert_string_equal(fake_upstream.text, "{\"n\": 1.0}");
    assert_string_equal(fake_upstream.to, "\"a/b\"");
    assert_string_equal(fake_upstream.ref, "\"r1\"");
    assert_no_frame(s);
    rig_text(plain, "{}");
    assert_int_equal(fake_upstream.taken, 2);
    assert_false(fake_upstream.is_json);
    assert_string_equal(fake_upstream.text, "{}");
    assert_no_frame(plain);
}

static void client_is_told_what_became_of_its_text(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    struct session_upstream outcome = {.ref = slice_of("\"r1\""), .text = slice_of("1")};

    (void)state;
    session_after_upstream(&rig.node, s, &outcome);
    assert_frame(s, "{\"type\":\"sent\",\"ref\":\"r1\"}");
    outcome.reply = slice_of("[1]");
    session_after_upstream(&rig.node, s, &outcome);
    assert_frame(s, "{\"type\":\"reply\",\"ref\":\"r1\",\"json\":[1]}");
    outcome.err = ERR_UPSTREAM_REFUSED;
    session_after_upstream(&rig.node, s, &outcome);
    assert_frame(s,
        "{\"type\":\"error\",\"code\":42201,\"msg\":\"the backend refused the message\","
        "\"temporary\":false,\"ref\":\"r1\"}");
    rig.config.upstream_to = UPSTREAM_TO_STREAM;
    fake_upstream.err = ERR_UPSTREAM_FULL;
    rig_text(s, "{\"type\":\"send\",\"json\":1,\"ref\":\"r2\"}");
    assert_frame(s,
        "{\"type\":\"error\",\"code\":50310,\"msg\":\"too many messages wait on their way "
        "upstream; nothing was taken\",\"temporary\":true,\"ref\":\"r2\"}");
}

static void echo_of_a_plain_client_comes_once_its_text_was_taken(void **state)
{
    struct session *s = rig_live(&format_plain, 5);
    struct session_upstream outcome = {.text = slice_of("hi")};

    (void)state;
    rig.config.upstream_to = UPSTREAM_TO_STREAM;
    rig_text(s, "hi");
    assert_no_frame(s);
    session_after_upstream(&rig.node, s, &outcome);
    assert_frame_of(
        s, "{\"type\":4,\"forwardSocketUserInfoRequest\":" PLAIN_SESSION ",\"msgInfo\":\"hi\"}}");
    outcome.err = ERR_UPSTREAM_FAILED;
    session_after_upstream(&rig.node, s, &outcome);
    assert_no_frame(s);
}

static void bad_frame_is_answered_and_the_session_goes_on(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    rig_text(s, "{\"type\":\"what\",\"ref\":\"r1\"}");
    assert_frame(s, "{\"type\":\"error\",\"code\":40014,\"msg\":\"type: no such type of frame\","
                    "\"temporary\":false,\"ref\":\"r1\"}");
    rig_text(s, "{");
    assert_non_null(strstr(fake_socket_take(s->socket), "\"code\":40001"));
    rig_text(s, "{\"type\":\"send\",\"json\":1}");
    assert_error(s, 40014, "type: upstream is not configured");
    assert_int_equal(rig_forward(s, 6, 5), DELIVERY_WRITTEN);
}

/* Time. */

static void silent_session_is_pinged_and_then_closed(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    rig_pass(rig.config.node_ping_interval_ms - 1);
    assert_no_frame(s);
    rig_pass(1);
    assert_frame(s, "{\"type\":\"ping\"}");
    rig_pass(rig.config.node_pong_timeout_ms - 1);
    assert_int_equal(s->socket->close_code, 0);
    rig_pass(1);
    assert_int_equal(s->socket->close_code, CLOSE_SILENT);
    assert_no_frame(s);
}

static void client_that_only_sends_hears_a_ping(void **state)
{
    struct session *s = rig_live(&format_v1, 5);
    int64_t interval_ms = rig.config.node_ping_interval_ms;

    (void)state;
    rig_pass(interval_ms / 4);
    session_on_alive(&rig.node, s, rig.now_ms);
    rig_pass(interval_ms - interval_ms / 4 - 1);
    session_on_alive(&rig.node, s, rig.now_ms);
    assert_no_frame(s);
    rig_pass(1);
    assert_frame(s, "{\"type\":\"ping\"}");
    session_on_alive(&rig.node, s, rig.now_ms);
    rig_pass(rig.config.node_pong_timeout_ms);
    assert_int_equal(s->socket->close_code, 0);
}

static void any_frame_is_a_sign_of_life(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    rig_pass(rig.config.node_ping_interval_ms / 4 - 1);
    session_on_alive(&rig.node, s, rig.now_ms);
    assert_int_equal(session_idle_ms(s, rig.now_ms + 7), 7);
    rig_pass(rig.config.node_ping_interval_ms - 1);
    assert_no_frame(s);
    rig_pass(1);
    assert_frame(s, "{\"type\":\"ping\"}");
    rig_text(s, "{\"type\":\"pong\"}");
    rig_pass(rig.config.node_pong_timeout_ms);
    assert_int_equal(s->socket->close_code, 0);
    rig_pass(rig.config.node_ping_interval_ms);
    assert_frame(s, "{\"type\":\"ping\"}");
}

static void plain_session_is_pinged_by_the_protocol(void **state)
{
    struct session *s = rig_live(&format_plain, 5);

    (void)state;
    rig_pass(rig.config.node_ping_interval_ms);
    assert_int_equal(s->socket->pings, 1);
    assert_no_frame(s);
    s->socket->broken = true;
    session_on_alive(&rig.node, s, rig.now_ms);
    rig_pass(rig.config.node_ping_interval_ms);
    assert_int_equal(s->state, SESSION_CLOSING);
}

static void blocked_session_is_not_pinged_but_must_take_bytes(void **state)
{
    struct session *slow = rig_live(&format_plain, 5);
    struct session *dead = rig_live(&format_plain, 5);

    (void)state;
    block(slow);
    block(dead);
    rig_pass(rig.config.node_ping_interval_ms);
    assert_int_equal(slow->socket->pings, 0);
    rig_pass(rig.config.node_pong_timeout_ms - 1);
    rig_writable(slow, -1);
    rig_pass(1);
    assert_int_equal(slow->socket->close_code, 0);
    assert_int_equal(dead->socket->close_code, CLOSE_SILENT);
}

static void entry_is_refreshed_at_its_interval(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    rig_pass(29999);
    assert_int_equal(fake_presence.refreshes, 0);
    rig_pass(1);
    assert_int_equal(fake_presence.refreshes, 1);
    session_on_alive(&rig.node, s, rig.now_ms);
    rig_pass(29999);
    assert_int_equal(fake_presence.refreshes, 1);
    rig_pass(1);
    assert_int_equal(fake_presence.refreshes, 2);
}

/* refresh_rate is 200 per second: ten per tick. */
static void all_are_registered_again_at_a_bounded_rate(void **state)
{
    (void)state;
    for (int i = 0; i < 15; i++) {
        (void)rig_live(&format_v1, 5);
    }
    rig_pass(50);
    assert_int_equal(fake_presence.refreshes, 0);
    rig.node.register_again_before_ms = rig.now_ms;
    rig_pass(50);
    assert_int_equal(fake_presence.refreshes, 10);
    rig_pass(50);
    assert_int_equal(fake_presence.refreshes, 15);
    rig_pass(50);
    assert_int_equal(fake_presence.refreshes, 15);
}

/* Closing. */

static void closed_session_takes_nothing_more(void **state)
{
    struct session *s = rig_live(&format_v1, 5);

    (void)state;
    block(s);
    (void)rig_forward(s, 6, 5);
    session_close_with(&rig.node, s, 4321, "because");
    assert_int_equal(s->socket->close_code, 4321);
    assert_string_equal(s->socket->close_reason, "because");
    assert_int_equal(fake_presence.closes, 1);
    session_close(&rig.node, s, CLOSE_SLOW); /* the first reason stands */
    assert_int_equal(s->socket->close_code, 4321);
    assert_int_equal(rig_forward(s, 7, 6), DELIVERY_GONE);
    rig_text(s, "{\"type\":\"ack\",\"id\":\"5-0\"}");
    session_notify_duplicate(&rig.node, s);
    session_resync(&rig.node, s);
    rig_writable(s, -1);
    rig_refresh(s, 9);
    rig_pass(1000000);
    assert_no_frame(s);
    assert_int_equal(fake_presence.acks, 0);
    assert_int_equal(fake_presence.fetches, 0);
    assert_int_equal(fake_presence.refreshes, 0);
}

static void end_of_the_connection_frees_all(void **state)
{
    struct session *s = rig_connect(&format_v1, "");
    int64_t sessions = stats_get(&node_stats[NODE_STAT_sessions]);
    char id[SESSION_ID_BYTES];

    (void)state;
    memcpy(id, s->id, sizeof(id));
    (void)rig_forward_volatile(s, "{}");
    session_on_closed(&rig.node, s);
    assert_null(session_table_find(&rig.node.table, id));
    assert_int_equal(fake_presence.closes, 1);
    assert_int_equal(stats_get(&node_stats[NODE_STAT_sessions]), sessions - 1);
    assert_int_equal(rig.node.openings.count, 0);

    s = rig_connect(&format_v1, "");
    s->socket->takes = 0;
    rig_open_more(s, NUMBERS(1), 2);
    (void)rig_forward_volatile(s, "{}");
    session_on_closed(&rig.node, s);
    assert_int_equal(rig.node.table.count, 0);
    assert_int_equal(rig.node.pings.count + rig.node.pongs.count, 0);
    assert_int_equal(rig.node.refreshes.count, 0);
}

static void every_state_and_reason_has_its_text(void **state)
{
    (void)state;
    assert_string_equal(session_state_text(SESSION_OPENING), "opening");
    assert_string_equal(session_state_text(SESSION_CLOSING), "closing");
    assert_string_equal(close_reason_text(CLOSE_SLOW), "too slow");
    assert_string_equal(close_reason_text(CLOSE_GOING_AWAY), "server going away");
}

#define test(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(connected_frame_waits_for_the_registry),
        test(replay_comes_after_connected_and_is_marked),
        test(position_without_last_id_is_where_the_replay_starts),
        test(unread_notice_comes_only_if_there_are_any),
        test(durable_forward_while_opening_is_fetched),
        test(durable_forward_that_the_replay_has_is_not_fetched),
        test(claimed_last_id_drops_no_forward),
        test(volatile_forwards_wait_for_the_replay),
        test(volatile_forwards_do_not_wait_for_a_registry_that_is_away),
        test(held_forwards_are_bounded),
        test(nothing_comes_before_connected),
        test(registry_that_does_not_answer_ends_the_connect),
        test(answer_for_a_session_that_has_ended_is_undone),
        test(older_session_on_this_node_is_told),
        test(older_session_on_this_node_is_replaced),
        test(older_session_elsewhere_is_hinted),
        test(newer_session_is_refused),
        test(forward_in_order_is_written_at_once),
        test(repeated_forward_is_dropped_and_its_status_told),
        test(gap_is_fetched_from_the_watermark),
        test(entries_for_other_sessions_are_no_gap_twice),
        test(forward_that_the_inbox_lost_is_asked_for_once),
        test(failed_fetch_is_tried_again),
        test(place_that_the_inbox_does_not_know_ends_the_session),
        test(answer_that_nobody_asked_for_is_ignored),
        test(refresh_shows_what_was_missed),
        test(refresh_that_says_replaced_ends_the_session),
        test(refresh_that_says_closed_ends_the_session),
        test(hint_during_a_fetch_leads_to_another),
        test(hint_while_opening_is_not_lost),
        test(session_that_is_to_be_checked_while_opening_is_refreshed_once_open),
        test(frame_is_encoded_once_for_all_sessions_of_a_format),
        test(buffered_message_counts_only_once_it_has_gone),
        test(outbox_keeps_order_when_socket_blocks),
        test(frame_behind_a_ping_that_is_stuck_is_not_forgotten),
        test(turn_of_a_long_queue_ends_and_comes_again),
        test(full_outbox_rejects_and_fetches_when_it_has_drained),
        test(who_was_full_once_and_catches_up_is_not_closed),
        test(rejected_message_is_expected_in_the_inbox),
        test(rest_of_a_page_that_was_rejected_is_expected),
        test(what_was_forwarded_while_opening_is_expected),
        test(last_message_before_a_silence_is_fetched_after_a_rejection),
        test(session_that_stays_full_is_closed),
        test(replay_respects_the_bound_of_the_queue),
        test(next_page_waits_for_the_outbox),
        test(filter_lasts_as_long_as_the_first_replay),
        test(broken_socket_ends_the_session),
        test(broken_socket_is_noticed_while_draining),
        test(ack_moves_the_read_cursor_forward_only),
        test(ack_of_what_was_never_sent_is_refused),
        test(ack_before_the_registry_answered_is_refused),
        test(plain_message_is_read_once_it_is_written),
        test(text_of_a_plain_client_is_echoed_if_configured),
        test(coming_and_going_is_announced),
        test(refresh_announces_again),
        test(text_goes_upstream_as_it_stands),
        test(client_is_told_what_became_of_its_text),
        test(echo_of_a_plain_client_comes_once_its_text_was_taken),
        test(bad_frame_is_answered_and_the_session_goes_on),
        test(full_queue_is_no_silence),
        test(failed_fetch_is_repeated_by_the_next_forward),
        test(awaited_message_that_is_passed_over_is_not_called_written),
        test(inbox_that_ends_before_the_watermark_ends_the_session),
        test(early_acknowledgement_counts_once_the_replay_is_there),
        test(early_acknowledgement_of_what_never_was_is_refused),
        test(silent_session_is_pinged_and_then_closed),
        test(any_frame_is_a_sign_of_life),
        test(client_that_only_sends_hears_a_ping),
        test(plain_session_is_pinged_by_the_protocol),
        test(blocked_session_is_not_pinged_but_must_take_bytes),
        test(entry_is_refreshed_at_its_interval),
        test(all_are_registered_again_at_a_bounded_rate),
        test(closed_session_takes_nothing_more),
        test(end_of_the_connection_frees_all),
        test(every_state_and_reason_has_its_text),
    };

    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
