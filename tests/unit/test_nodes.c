/* Heartbeats and leases on a real Redis. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/domain.h"

static struct node_info node_n1(void)
{
    return (struct node_info){.node_id = "n1",
        .addr = "127.0.0.1:31882",
        .boot = "boot1",
        .state = "ready",
        .version = "0.1.0",
        .sessions = 12,
        .at_ms = 1764000000000};
}

static void beat_as(const struct node_info *n)
{
    struct command c;

    command_init(&c);
    nodes_heartbeat_command(&c, PREFIX, n);
    run_int(&c);
}

/* Takes the lease; true if boot (NULL: nobody) had it before. */
static bool lease_follows(const char *boot, const char *new_boot)
{
    struct command c;
    redisReply *reply;
    bool follows;

    command_init(&c);
    nodes_lease_command(&c, PREFIX, "n1", new_boot, 9000);
    reply = run(&c);
    follows = boot ? reply->type == REDIS_REPLY_STRING && strcmp(reply->str, boot) == 0
                   : reply->type == REDIS_REPLY_NIL;
    freeReplyObject(reply);
    return follows;
}

static size_t list(struct node_info **out)
{
    struct command c;
    redisReply *reply;
    size_t count;

    command_init(&c);
    nodes_list_command(&c, PREFIX);
    reply = run(&c);
    assert_int_equal(nodes_list_decode(reply, out, &count), ERR_OK);
    freeReplyObject(reply);
    return count;
}

static const char *state_by_lease(struct node_info *n)
{
    struct command c;
    redisReply *reply;

    command_init(&c);
    nodes_get_lease_command(&c, PREFIX, n->node_id);
    reply = run(&c);
    nodes_apply_lease(reply, n);
    freeReplyObject(reply);
    return n->state;
}

static void heartbeat_comes_back_whole(void **state)
{
    struct node_info n1 = node_n1(), *nodes;

    (void)state;
    beat_as(&n1);
    assert_int_equal(list(&nodes), 1);
    assert_string_equal(nodes[0].node_id, "n1");
    assert_string_equal(nodes[0].addr, n1.addr);
    assert_string_equal(nodes[0].boot, n1.boot);
    assert_string_equal(nodes[0].state, "ready");
    assert_string_equal(nodes[0].version, n1.version);
    assert_int_equal(nodes[0].sessions, 12);
    assert_int_equal(nodes[0].at_ms, n1.at_ms);
    free(nodes);
}

static void list_leaves_out_what_does_not_decode(void **state)
{
    struct node_info n1 = node_n1(), *nodes;

    (void)state;
    assert_int_equal(list(&nodes), 0);
    free(nodes);
    beat_as(&n1);
    redis_server_do(&server, "HSET %s n2 %s n3 %s", PREFIX "nodes", "no json", "{\"addr\":1}");
    assert_int_equal(list(&nodes), 1);
    free(nodes);
}

/* Found by fuzzing: "" would have been its name. */
static void node_id_with_a_nul_is_none(void **state)
{
    struct node_info decoded, n1 = node_n1();
    struct buf json;

    (void)state;
    buf_init(&json, 1024);
    nodes_encode(&n1, &json);
    assert_int_equal(
        nodes_decode((struct slice){"\0n1", 3}, slice_of(buf_str(&json)), &decoded), ERR_BAD_VALUE);
    assert_int_equal(nodes_decode(slice_of("n1"), slice_of(buf_str(&json)), &decoded), ERR_OK);
    buf_finish(&json);
}

static void lease_tells_who_had_it(void **state)
{
    (void)state;
    assert_true(lease_follows(NULL, "boot1"));
    assert_true(lease_follows("boot1", "boot1"));
    assert_true(lease_follows("boot1", "boot2"));
    assert_true(redis_server_ask_int(&server, "PTTL %s", PREFIX "node:n1") > 8000);
}

static void probe_writes_what_goes_by_itself(void **state)
{
    struct command c;

    (void)state;
    command_init(&c);
    nodes_probe_command(&c, PREFIX, 7, 9000);
    freeReplyObject(run(&c));
    assert_true(redis_server_ask_int(&server, "PTTL %s", PREFIX "probe:7") > 8000);
}

static void node_is_dead_without_its_lease_or_with_another_boot(void **state)
{
    struct node_info n1 = node_n1();

    (void)state;
    assert_true(lease_follows(NULL, "boot1"));
    assert_string_equal(state_by_lease(&n1), "ready");
    assert_true(lease_follows("boot1", "boot2"));
    assert_string_equal(state_by_lease(&n1), "dead");
    n1 = node_n1();
    redis_server_do(&server, "FLUSHALL");
    assert_string_equal(state_by_lease(&n1), "dead");
}

static int64_t release(const char *boot)
{
    struct command c;

    command_init(&c);
    nodes_release_command(&c, PREFIX, "n1", boot);
    return run_int(&c);
}

static int64_t leave(const char *boot)
{
    struct command c;

    command_init(&c);
    nodes_leave_command(&c, PREFIX, "n1", boot);
    return run_int(&c);
}

static void node_that_stops_removes_only_what_is_its_own(void **state)
{
    struct node_info n1 = node_n1(), *nodes;

    (void)state;
    beat_as(&n1);
    assert_true(lease_follows(NULL, "boot1"));
    assert_int_equal(release("boot0"), 0);
    assert_int_equal(leave("boot0"), 0);
    assert_int_equal(list(&nodes), 1);
    free(nodes);
    assert_int_equal(release("boot1"), 1);
    assert_int_equal(leave("boot1"), 1);
    assert_int_equal(list(&nodes), 0);
    free(nodes);
    assert_int_equal(release("boot1"), 0);
    assert_int_equal(leave("boot1"), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, domain_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(heartbeat_comes_back_whole),
        TEST(list_leaves_out_what_does_not_decode),
        TEST(node_id_with_a_nul_is_none),
        TEST(lease_tells_who_had_it),
        TEST(probe_writes_what_goes_by_itself),
        TEST(node_is_dead_without_its_lease_or_with_another_boot),
        TEST(node_that_stops_removes_only_what_is_its_own),
    };

    return cmocka_run_group_tests(tests, domain_start, domain_stop);
}
