/* Ghosts: who is one, who is not, and that removing one touches nothing else. */
#include <string.h>

#include "fcgi-send/ghosts.h"
#include "fcgi-send/stats.h"
#include "tests/unit/domain.h"

static const struct config config = {.redis_prefix = PREFIX};
static struct service service;
static struct worker worker;
/* A session of node n1, boot1, that is in the registry. */
static struct registry_entry entry;
static struct delivery delivery;

static int start(void **state)
{
    int failed = domain_empty(state);

    service = (struct service){.config = &config, .nodes = node_pool_create(&config)};
    worker = (struct worker){.service = &service, .redis = redis};
    entry = session_at("s1", "pc:home:u1");
    delivery = (struct delivery){.entry = &entry, .status = DELIVERY_UNREACHABLE};
    enter(&entry);
    return failed;
}

static int stop(void **state)
{
    (void)state;
    node_pool_destroy(service.nodes);
    return 0;
}

static enum delivery_status mark(void)
{
    ghosts_mark(&worker, &delivery, 1);
    return delivery.status;
}

static void session_of_a_living_node_is_none(void **state)
{
    (void)state;
    beat("n1", "boot1");
    take_lease("n1", "boot1");
    assert_int_equal(mark(), DELIVERY_UNREACHABLE);
}

static void session_of_a_node_that_has_yet_to_send_a_heartbeat_is_none(void **state)
{
    (void)state;
    take_lease("n1", "boot1");
    assert_int_equal(mark(), DELIVERY_UNREACHABLE);
}

static void session_is_one_when_the_lease_is_gone(void **state)
{
    (void)state;
    beat("n1", "boot1");
    assert_int_equal(mark(), DELIVERY_GONE);
}

static void session_is_one_when_its_node_was_started_anew(void **state)
{
    (void)state;
    beat("n1", "boot2");
    take_lease("n1", "boot2");
    assert_int_equal(mark(), DELIVERY_GONE);
}

static void nobody_becomes_one_while_redis_is_away(void **state)
{
    struct redis_sync *nobody = connect_to_nobody();

    (void)state;
    worker.redis = nobody;
    assert_int_equal(mark(), DELIVERY_UNREACHABLE);
    redis_sync_destroy(nobody);
}

static void each_is_judged_by_its_own_node_and_boot(void **state)
{
    struct registry_entry entries[4];
    struct delivery deliveries[4];
    char name[] = "s0";

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        name[1] = (char)('0' + i);
        entries[i] = session_at(name, "pc:home:u1");
        deliveries[i] = (struct delivery){.entry = &entries[i], .status = DELIVERY_UNREACHABLE};
    }
    memcpy(entries[1].boot, "boot0", sizeof("boot0"));
    memcpy(entries[2].node_id, "n2", sizeof("n2"));
    take_lease("n1", "boot1");
    ghosts_mark(&worker, deliveries, 4);
    assert_int_equal(deliveries[0].status, DELIVERY_UNREACHABLE);
    assert_int_equal(deliveries[1].status, DELIVERY_GONE);
    assert_int_equal(deliveries[2].status, DELIVERY_GONE);
    assert_int_equal(deliveries[3].status, DELIVERY_UNREACHABLE);
}

static void silent_node_is_judged_by_its_lease_of_now(void **state)
{
    struct delivery nodes[] = {{.entry = &entry, .status = DELIVERY_UNREACHABLE},
        {.entry = &entry, .status = DELIVERY_ACKED}};

    (void)state;
    beat("n1", "boot1");
    take_lease("n1", "boot1");
    ghosts_mark(&worker, nodes, 1); /* from now on the pool knows it to be alive */
    ghosts_mark_silent(&worker, nodes, 1);
    assert_int_equal(nodes[0].status, DELIVERY_UNREACHABLE);
    redis_server_ask_int(&server, "DEL %snode:n1", PREFIX);
    ghosts_mark(&worker, nodes, 1);
    assert_int_equal(nodes[0].status, DELIVERY_UNREACHABLE);
    ghosts_mark_silent(&worker, nodes + 1, 1); /* it has just answered */
    assert_int_equal(nodes[1].status, DELIVERY_ACKED);
    ghosts_mark_silent(&worker, nodes, 1);
    assert_int_equal(nodes[0].status, DELIVERY_GONE);
}

static void only_ghosts_are_removed(void **state)
{
    struct registry_entry other = session_at("s2", "pc:home:u1");
    struct delivery deliveries[] = {{.entry = &entry, .status = DELIVERY_GONE},
        {.entry = &other, .status = DELIVERY_UNREACHABLE},
        {.entry = &entry, .status = DELIVERY_GONE} /* by another message */};

    (void)state;
    enter(&other);
    int64_t removed = stats_get(&send_stats[SEND_STAT_ghosts]);
    ghosts_remove(&worker, deliveries, 3);
    assert_int_equal(stats_get(&send_stats[SEND_STAT_ghosts]), removed + 1);
    assert_int_equal(
        redis_server_ask_int(&server, "HEXISTS %s{u1} %s", PREFIX, entry.session_id), 0);
    assert_int_equal(
        redis_server_ask_int(&server, "HEXISTS %s{u1} %s", PREFIX, other.session_id), 1);
}

static void ghost_that_turned_out_to_live_stays(void **state)
{
    struct registry_entry met = entry;
    struct delivery ghost = {.entry = &met, .status = DELIVERY_GONE};

    (void)state;
    entry.until_ms++; /* refreshed since it was met */
    enter(&entry);
    ghosts_remove(&worker, &ghost, 1);
    assert_int_equal(sessions_of("u1"), 1);
}

#define test(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(session_of_a_living_node_is_none),
        test(session_of_a_node_that_has_yet_to_send_a_heartbeat_is_none),
        test(session_is_one_when_the_lease_is_gone),
        test(session_is_one_when_its_node_was_started_anew),
        test(nobody_becomes_one_while_redis_is_away),
        test(each_is_judged_by_its_own_node_and_boot),
        test(silent_node_is_judged_by_its_lease_of_now),
        test(only_ghosts_are_removed),
        test(ghost_that_turned_out_to_live_stays),
    };

    return cmocka_run_group_tests(tests, domain_start, domain_stop);
}
