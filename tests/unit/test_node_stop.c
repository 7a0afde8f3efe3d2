/* The steps of a stop, on fake sockets, a fake acceptor and a fake registry. */
#include <string.h>
#include <unistd.h>

#include "shared/log.h"
#include "tests/unit/node_rig.h"
#include "wsnode/accept.h"
#include "wsnode/heartbeat.h"
#include "wsnode/loop.h"
#include "wsnode/node_stop.h"
#include "wsnode/redis_async.h"
#include "wsnode/upstream.h"
#include "wsnode/ws_protocol.h"

#define DRAIN_MS 2000
#define SHUTDOWN_MS 1000
#define TICK_MS 50

/* What is around the node: the test sets it and reads it. */
static struct {
    bool listener_open;
    bool backlog_is_stuck; /* a drain does not empty it */
    int64_t unfinished;
    int64_t answers_awaited;
    int64_t events_waiting;
    int64_t messages_waiting; /* on their way upstream */
    int64_t commands_in_flight;
    int releases;
    bool loop_stopped;
} around;

void acceptor_drain(struct node *n)
{
    (void)n;
    around.listener_open = around.backlog_is_stuck;
}

void acceptor_stop(struct node *n)
{
    (void)n;
    around.listener_open = false;
}

bool acceptor_is_open(const struct node *n)
{
    (void)n;
    return around.listener_open;
}

int64_t acceptor_unfinished_count(const struct node *n)
{
    (void)n;
    return around.unfinished;
}

int64_t ws_protocol_count(const struct node *n)
{
    return n->table.count;
}

int64_t presence_pending_count(const struct node *n)
{
    (void)n;
    return around.answers_awaited;
}

int64_t upstream_pending_count(const struct node *n)
{
    (void)n;
    return around.messages_waiting;
}

int64_t announce_pending_count(const struct node *n)
{
    (void)n;
    return around.events_waiting;
}

int64_t redis_async_in_flight(const struct redis_async *r)
{
    (void)r;
    return around.commands_in_flight;
}

void heartbeat_release(struct node *n)
{
    (void)n;
    around.releases++;
}

void loop_stop(struct loop *l)
{
    (void)l;
    around.loop_stopped = true;
}

static int start(void **state)
{
    memset(&around, 0, sizeof(around));
    around.listener_open = true;
    if (rig_start(state)) {
        return -1;
    }
    rig.config.node_drain_time_ms = DRAIN_MS;
    rig.config.node_shutdown_timeout_ms = SHUTDOWN_MS;
    return 0;
}

static int stop(void **state)
{
    node_stop_finish(&rig.node);
    return rig_stop(state);
}

/* As the loop does, until it is stopped. */
static void tick(int64_t ms)
{
    for (int64_t end_ms = rig.now_ms + ms; rig.now_ms < end_ms && !around.loop_stopped;) {
        rig.now_ms += TICK_MS;
        node_stop_on_tick(&rig.node, rig.now_ms);
    }
}

static int closed_with(int code)
{
    int count = 0;

    for (int i = 0; i < rig.socket_count; i++) {
        count += rig.sockets[i].close_code == code;
    }
    return count;
}

/* The peers answer our close frames. */
static void end_closed(struct session *s, void *arg)
{
    (void)arg;
    if (s->state == SESSION_CLOSING) {
        session_on_closed(&rig.node, s);
    }
}

static void peers_close(void)
{
    session_table_each(&rig.node.table, end_closed, NULL);
}

static void connect_some(int count)
{
    for (int i = 0; i < count; i++) {
        (void)rig_live(&format_v1, 0);
    }
}

static void drain_spreads_sessions_and_then_ends(void **state)
{
    (void)state;
    connect_some(10);
    node_stop_begin(&rig.node, rig.now_ms);
    assert_true(rig.node.draining);
    assert_false(rig.node.refusing);
    assert_false(around.listener_open);
    for (int i = 1; i <= 10; i++) {
        assert_int_equal(node_stop_drain_left_ms(&rig.node, rig.now_ms), DRAIN_MS - (i - 1) * 200);
        tick(200);
        assert_true(closed_with(CLOSE_DRAINED) >= i);
        assert_true(closed_with(CLOSE_DRAINED) <= i + 1);
        peers_close();
    }
    assert_int_equal(closed_with(CLOSE_DRAINED), 10);
    tick(200);
    assert_int_equal(around.releases, 1);
    assert_true(around.loop_stopped);
}

static void session_serves_forwards_until_its_turn(void **state)
{
    (void)state;
    struct session *first = rig_live(&format_v1, 0);
    struct session *second = rig_live(&format_v1, 0);

    node_stop_begin(&rig.node, rig.now_ms);
    tick(DRAIN_MS / 4);
    assert_int_equal(first->state, SESSION_CLOSING);
    assert_int_equal(rig_forward(first, 1, 0), DELIVERY_GONE);
    assert_int_equal(rig_forward(second, 1, 0), DELIVERY_WRITTEN);
}

static void quiet_node_ends_at_once(void **state)
{
    (void)state;
    node_stop_begin(&rig.node, rig.now_ms);
    tick(4 * TICK_MS);
    assert_true(around.loop_stopped);
}

static void sessions_that_the_registry_has_not_opened_are_drained_too(void **state)
{
    (void)state;
    (void)rig_connect(&format_v1, "");
    node_stop_begin(&rig.node, rig.now_ms);
    tick(TICK_MS);
    assert_int_equal(closed_with(CLOSE_DRAINED), 1);
}

static void handshake_that_ends_after_the_drain_is_told_1012(void **state)
{
    (void)state;
    around.unfinished = 1;
    node_stop_begin(&rig.node, rig.now_ms);
    tick(DRAIN_MS);
    assert_int_equal(around.releases, 0);
    around.unfinished = 0;
    connect_some(1);
    tick(TICK_MS);
    assert_int_equal(closed_with(CLOSE_DRAINED), 1);
    assert_false(rig.node.refusing);
}

static void backlog_that_does_not_empty_is_left_at_the_end_of_the_drain(void **state)
{
    (void)state;
    around.backlog_is_stuck = true;
    node_stop_begin(&rig.node, rig.now_ms);
    tick(DRAIN_MS - TICK_MS);
    assert_true(around.listener_open);
    tick(TICK_MS);
    assert_false(around.listener_open);
}

static void drain_is_bounded_by_both_times(void **state)
{
    (void)state;
    connect_some(1); /* and its peer never answers */
    node_stop_begin(&rig.node, rig.now_ms);
    tick(DRAIN_MS + SHUTDOWN_MS - TICK_MS);
    assert_int_equal(around.releases, 0);
    tick(TICK_MS);
    assert_int_equal(around.releases, 1);
    around.commands_in_flight = 2; /* and Redis does not answer either */
    tick(4 * TICK_MS);
    assert_true(around.loop_stopped);
}

static void drain_that_is_told_again_goes_on(void **state)
{
    (void)state;
    connect_some(2);
    node_stop_begin(&rig.node, rig.now_ms);
    tick(DRAIN_MS / 4);
    node_stop_begin(&rig.node, rig.now_ms);
    node_stop_request(&rig.node, rig.now_ms);
    tick(TICK_MS);
    assert_int_equal(closed_with(CLOSE_DRAINED), 1);
    assert_int_equal(
        node_stop_drain_left_ms(&rig.node, rig.now_ms), DRAIN_MS - DRAIN_MS / 4 - TICK_MS);
}

static void hurry_tells_the_rest_of_a_drain_1001(void **state)
{
    (void)state;
    connect_some(10);
    node_stop_begin(&rig.node, rig.now_ms);
    tick(DRAIN_MS / 2);
    node_stop_hurry(&rig.node, rig.now_ms);
    assert_true(rig.node.refusing);
    tick(TICK_MS);
    assert_in_range(closed_with(CLOSE_DRAINED), 5, 6);
    assert_int_equal(closed_with(CLOSE_DRAINED) + closed_with(CLOSE_GOING_AWAY), 10);
    assert_int_equal(node_stop_drain_left_ms(&rig.node, rig.now_ms), 0);
}

static void second_hurry_waits_for_nothing(void **state)
{
    (void)state;
    connect_some(1);
    node_stop_hurry(&rig.node, rig.now_ms);
    tick(4 * TICK_MS);
    assert_int_equal(around.releases, 0);
    node_stop_hurry(&rig.node, rig.now_ms);
    tick(2 * TICK_MS);
    assert_int_equal(around.releases, 1);
    assert_true(around.loop_stopped);
}

static void without_drain_time_all_are_closed_at_once(void **state)
{
    (void)state;
    rig.config.node_drain_time_ms = 0;
    connect_some(10);
    node_stop_begin(&rig.node, rig.now_ms);
    assert_true(rig.node.refusing);
    assert_false(around.listener_open);
    tick(TICK_MS);
    assert_int_equal(closed_with(CLOSE_GOING_AWAY), 10);
}

static void closes_are_written_before_the_lease_goes(void **state)
{
    (void)state;
    connect_some(1);
    around.answers_awaited = 1;
    node_stop_hurry(&rig.node, rig.now_ms);
    tick(TICK_MS);
    peers_close();
    assert_int_equal(fake_presence.closes, 1);
    tick(4 * TICK_MS);
    assert_int_equal(around.releases, 0);
    around.answers_awaited = 0;
    tick(TICK_MS);
    assert_int_equal(around.releases, 1);
}

static void what_clients_sent_goes_before_the_lease(void **state)
{
    (void)state;
    around.messages_waiting = 1;
    node_stop_hurry(&rig.node, rig.now_ms);
    tick(4 * TICK_MS);
    assert_int_equal(around.releases, 0);
    around.messages_waiting = 0;
    tick(TICK_MS);
    assert_int_equal(around.releases, 1);
}

/* It may come back in time; else senders meet the entries, or they expire. */
static void answers_are_awaited_until_the_time_is_up(void **state)
{
    (void)state;
    around.answers_awaited = 1;
    node_stop_hurry(&rig.node, rig.now_ms);
    tick(rig.config.node_shutdown_timeout_ms - TICK_MS);
    assert_int_equal(around.releases, 0);
    tick(2 * TICK_MS);
    assert_int_equal(around.releases, 1);
}

static void events_are_told_before_the_lease_goes(void **state)
{
    (void)state;
    around.events_waiting = 1;
    node_stop_hurry(&rig.node, rig.now_ms);
    tick(4 * TICK_MS);
    assert_int_equal(around.releases, 0);
    around.events_waiting = 0;
    tick(TICK_MS);
    assert_int_equal(around.releases, 1);
}

static void request_without_a_supervisor_begins_the_drain_here(void **state)
{
    (void)state;
    rig.node.supervisor_pid = 0;
    assert_int_equal(node_stop_drain_left_ms(&rig.node, rig.now_ms), DRAIN_MS);
    node_stop_request(&rig.node, rig.now_ms);
    assert_true(rig.node.draining);
    assert_non_null(rig.node.stop);
}

#define test(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(drain_spreads_sessions_and_then_ends),
        test(session_serves_forwards_until_its_turn),
        test(quiet_node_ends_at_once),
        test(sessions_that_the_registry_has_not_opened_are_drained_too),
        test(handshake_that_ends_after_the_drain_is_told_1012),
        test(backlog_that_does_not_empty_is_left_at_the_end_of_the_drain),
        test(drain_is_bounded_by_both_times),
        test(drain_that_is_told_again_goes_on),
        test(hurry_tells_the_rest_of_a_drain_1001),
        test(second_hurry_waits_for_nothing),
        test(without_drain_time_all_are_closed_at_once),
        test(closes_are_written_before_the_lease_goes),
        test(what_clients_sent_goes_before_the_lease),
        test(events_are_told_before_the_lease_goes),
        test(answers_are_awaited_until_the_time_is_up),
        test(request_without_a_supervisor_begins_the_drain_here),
    };

    log_init("test", LOG_ERROR);
    return cmocka_run_group_tests_name("node_stop", tests, NULL, NULL);
}
