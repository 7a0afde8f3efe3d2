/* What the sender's threads know of the nodes: for how long, and who asks one that has failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi-send/node_pool.h"
#include "shared/clock.h"
#include "tests/unit/domain.h"

#define RETRY_MS 1000
#define AVOIDED_MAX 64

static const struct config config = {.redis_prefix = PREFIX, .send_node_retry_ms = RETRY_MS};
static struct node_pool *pool;

/* Clocks that stand still until the test moves them. */
static int64_t passed_ms;

int64_t clock_mono_ms(void)
{
    return 1000000 + passed_ms;
}

int64_t clock_wall_ms(void)
{
    return 1764000000000 + passed_ms;
}

static void pass(int64_t ms)
{
    passed_ms += ms;
}

static int start(void **state)
{
    pool = node_pool_create(&config);
    return domain_empty(state);
}

static int stop(void **state)
{
    (void)state;
    node_pool_destroy(pool);
    return 0;
}

static void beat_with_lease(const char *node_id, const char *boot)
{
    beat(node_id, boot);
    take_lease(node_id, boot);
}

static void node_is_known_alive_by_the_boot_of_its_lease(void **state)
{
    (void)state;
    beat_with_lease("n1", "boot1");
    beat_with_lease("n2", "boot2");
    take_lease("n2", "boot3"); /* started anew, and has yet to send a heartbeat */
    beat("n4", "boot4");
    assert_false(node_pool_knows_alive(pool, "boot1"));
    node_pool_refresh(pool, redis);
    assert_true(node_pool_knows_alive(pool, "boot1"));
    assert_false(node_pool_knows_alive(pool, "boot2"));
    assert_false(node_pool_knows_alive(pool, "boot3"));
    assert_false(node_pool_knows_alive(pool, "boot4"));
    assert_false(node_pool_knows_alive(pool, ""));
}

static void table_counts_for_less_than_a_second(void **state)
{
    (void)state;
    beat_with_lease("n1", "boot1");
    node_pool_refresh(pool, redis);
    pass(900);
    assert_true(node_pool_knows_alive(pool, "boot1"));
    pass(100);
    assert_false(node_pool_knows_alive(pool, "boot1"));
}

static void table_is_loaded_again_after_half_of_that(void **state)
{
    (void)state;
    beat_with_lease("n1", "boot1");
    node_pool_refresh(pool, redis);
    lose_lease("n1");
    node_pool_refresh(pool, redis);
    assert_true(node_pool_knows_alive(pool, "boot1"));
    pass(500);
    node_pool_refresh(pool, redis);
    assert_false(node_pool_knows_alive(pool, "boot1"));
}

static void table_stays_where_redis_does_not_answer_until_it_is_too_old(void **state)
{
    struct redis_sync *nobody = connect_to_nobody();

    (void)state;
    beat_with_lease("n1", "boot1");
    node_pool_refresh(pool, redis);
    pass(600);
    node_pool_refresh(pool, nobody);
    assert_true(node_pool_knows_alive(pool, "boot1"));
    pass(400);
    assert_false(node_pool_knows_alive(pool, "boot1"));
    pass(100);
    node_pool_refresh(pool, redis); /* the one that failed has not kept the turn */
    assert_true(node_pool_knows_alive(pool, "boot1"));
    redis_sync_destroy(nobody);
}

static void failed_node_is_left_alone_and_then_tried_by_one(void **state)
{
    (void)state;
    assert_false(node_pool_is_avoided(pool, "boot1"));
    node_pool_avoid(pool, "boot1");
    assert_true(node_pool_is_avoided(pool, "boot1"));
    assert_false(node_pool_is_avoided(pool, "boot2"));
    pass(RETRY_MS);
    assert_false(node_pool_is_avoided(pool, "boot1")); /* this thread tries */
    assert_true(node_pool_is_avoided(pool, "boot1"));  /* the others wait */
    node_pool_forgive(pool, "boot1");
    assert_false(node_pool_is_avoided(pool, "boot1"));
    assert_false(node_pool_is_avoided(pool, "boot1"));
}

static void node_that_fails_again_is_left_alone_again(void **state)
{
    (void)state;
    node_pool_avoid(pool, "boot1");
    pass(RETRY_MS);
    assert_false(node_pool_is_avoided(pool, "boot1"));
    pass(RETRY_MS / 2);
    node_pool_avoid(pool, "boot1");
    pass(RETRY_MS / 2);
    assert_true(node_pool_is_avoided(pool, "boot1"));
}

static void of_too_many_failed_nodes_the_first_is_asked_early(void **state)
{
    char boot[16];

    (void)state;
    for (int i = 0; i <= AVOIDED_MAX; i++) {
        snprintf(boot, sizeof(boot), "boot%d", i);
        node_pool_avoid(pool, boot);
    }
    assert_false(node_pool_is_avoided(pool, "boot0"));
    assert_true(node_pool_is_avoided(pool, "boot1"));
    assert_true(node_pool_is_avoided(pool, "boot64"));
}

static void nodes_are_listed_with_their_leases(void **state)
{
    struct node_info *nodes;
    size_t count;

    (void)state;
    beat_with_lease("n1", "boot1");
    beat("n2", "boot2");
    assert_int_equal(nodes_load(redis, PREFIX, &nodes, &count), ERR_OK);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        bool is_first = strcmp(nodes[i].node_id, "n1") == 0;

        assert_string_equal(nodes[i].state, is_first ? "ready" : "dead");
    }
    free(nodes);
}

#define test(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(node_is_known_alive_by_the_boot_of_its_lease),
        test(table_counts_for_less_than_a_second),
        test(table_is_loaded_again_after_half_of_that),
        test(table_stays_where_redis_does_not_answer_until_it_is_too_old),
        test(failed_node_is_left_alone_and_then_tried_by_one),
        test(node_that_fails_again_is_left_alone_again),
        test(of_too_many_failed_nodes_the_first_is_asked_early),
        test(nodes_are_listed_with_their_leases),
    };

    return cmocka_run_group_tests(tests, domain_start, domain_stop);
}
