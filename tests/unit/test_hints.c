/* Hints: each node is told once, and a Redis that is away is nobody's trouble. */
#include "fcgi-send/hints.h"

#include <string.h>

#include "fcgi-send/service.h"
#include "fcgi-send/stats.h"
#include "tests/unit/domain.h"

static const struct config config = {.redis_prefix = PREFIX};
static struct service service = {.config = &config};
static struct worker worker;
static redisContext *listener;

static int start(void **state)
{
    int failed = domain_empty(state);

    worker = (struct worker){.service = &service, .redis = redis};
    listener = redisConnectUnix(server.socket);
    for (const char *const *node = (const char *const[]){"n1", "n2", NULL}; *node; node++) {
        redisReply *reply = redisCommand(listener, "SUBSCRIBE " PREFIX "control:%s", *node);
        failed = failed || !reply;
        freeReplyObject(reply);
    }
    return failed;
}

static int stop(void **state)
{
    (void)state;
    redisFree(listener);
    return 0;
}

static int64_t sent(void)
{
    return stats_get(&send_stats[SEND_STAT_hints]);
}

/* The next hint is this one, to this node. */
static void expect_hint(const char *channel, const char *hint)
{
    void *reply = NULL;

    assert_int_equal(redisGetReply(listener, &reply), REDIS_OK);
    const redisReply *message = reply;
    assert_int_equal(message->elements, 3);
    assert_string_equal(message->element[1]->str, channel);
    assert_string_equal(message->element[2]->str, hint);
    freeReplyObject(reply);
}

static struct registry_entry session_on(const char *name, const char *node_id)
{
    struct registry_entry e = session_at(name, "pc:home:u1");

    snprintf(e.node_id, sizeof(e.node_id), "%s", node_id);
    return e;
}

static void each_node_of_a_users_sessions_is_told_once(void **state)
{
    const struct registry_entry sessions[] = {
        session_on("s1", "n1"), session_on("s2", "n2"), session_on("s3", "n1")};
    int64_t before = sent();

    (void)state;
    hints_tell_nodes_of(&worker, sessions, 3, HINT_CLOSE, "u1");
    expect_hint(PREFIX "control:n1", "close u1");
    expect_hint(PREFIX "control:n2", "close u1");
    assert_int_equal(sent() - before, 2);
}

static void hints_arrive_in_the_order_of_adding(void **state)
{
    struct hints h;

    (void)state;
    hints_init(&h, &worker, 2);
    hints_add(&h, "n2", HINT_GROUP, "news");
    hints_add(&h, "n1", HINT_RESYNC, "u1");
    hints_send(&h);
    expect_hint(PREFIX "control:n2", "group news");
    expect_hint(PREFIX "control:n1", "resync u1");
}

static void no_hint_is_no_command(void **state)
{
    struct hints h;
    int64_t before = sent();

    (void)state;
    hints_init(&h, &worker, 0);
    hints_send(&h);
    assert_int_equal(sent(), before);
}

static void nothing_is_counted_while_redis_is_away(void **state)
{
    const struct registry_entry session = session_on("s1", "n1");
    int64_t before = sent();

    (void)state;
    worker.redis = connect_to_nobody();
    hints_tell_nodes_of(&worker, &session, 1, HINT_CLOSE, "u1");
    redis_sync_destroy(worker.redis);
    assert_int_equal(sent(), before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(each_node_of_a_users_sessions_is_told_once),
        TEST(hints_arrive_in_the_order_of_adding),
        TEST(no_hint_is_no_command),
        TEST(nothing_is_counted_while_redis_is_away),
    };
    return cmocka_run_group_tests_name("hints", tests, domain_start, domain_stop);
}
