/* What keeps a message from getting through, each by itself and all together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsnode/accept.h"
#include "wsnode/heartbeat.h"
#include "wsnode/ready.h"
#include "wsnode/redis_async.h"

#define NOW_MS 5000

/* What is around the node. */
static bool accepting, whole, refused, replicated;
static int64_t fresh_until_ms;

bool acceptor_is_open(const struct node *n)
{
    (void)n;
    return accepting;
}

bool redis_async_is_whole(const struct redis_async *r)
{
    (void)r;
    return whole;
}

bool redis_async_takes_writes(const struct redis_async *r)
{
    (void)r;
    return !refused;
}

bool redis_async_has_replicas(const struct redis_async *r)
{
    (void)r;
    return replicated;
}

bool heartbeat_is_fresh(const struct node *n, int64_t now_ms)
{
    (void)n;
    return now_ms < fresh_until_ms;
}

static struct node ready_node(void)
{
    accepting = whole = replicated = true;
    refused = false;
    fresh_until_ms = NOW_MS + 1;
    return (struct node){.draining = false};
}

static void assert_only(const struct node *n, const char *text)
{
    const char *obstacles[READY_OBSTACLES_MAX];

    assert_int_equal(ready_obstacles(n, NOW_MS, obstacles), 1);
    assert_string_equal(obstacles[0], text);
}

static void node_without_an_obstacle_is_ready(void **state)
{
    const char *obstacles[READY_OBSTACLES_MAX];
    struct node n = ready_node();

    (void)state;
    assert_int_equal(ready_obstacles(&n, NOW_MS, obstacles), 0);
}

static void each_obstacle_is_told(void **state)
{
    struct node n = ready_node();

    (void)state;
    n.draining = true;
    assert_only(&n, "draining");
    n = ready_node();
    accepting = false;
    assert_only(&n, "not accepting");
    n = ready_node();
    whole = false;
    assert_only(&n, "redis away");
    n = ready_node();
    refused = true;
    assert_only(&n, "redis refuses to write");
    n = ready_node();
    replicated = false;
    assert_only(&n, "too few replicas");
    n = ready_node();
    fresh_until_ms = NOW_MS;
    assert_only(&n, "lease stale");
}

static void all_obstacles_are_told_at_once(void **state)
{
    const char *obstacles[READY_OBSTACLES_MAX];
    struct node n = ready_node();

    (void)state;
    n.draining = refused = true;
    accepting = whole = replicated = false;
    fresh_until_ms = 0;
    assert_int_equal(ready_obstacles(&n, NOW_MS, obstacles), READY_OBSTACLES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_without_an_obstacle_is_ready),
        cmocka_unit_test(each_obstacle_is_told),
        cmocka_unit_test(all_obstacles_are_told_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
