/* A send's visit to Redis: what is stored, who is meant, and what too few replicas mean. */
#include <stdio.h>
#include <string.h>

#include "fcgi-send/lookup.h"
#include "fcgi-send/validate.h"
#include "tests/unit/domain.h"

static struct config config;
static struct service service;
static struct worker worker;

static int start(void **state)
{
    int failed = domain_empty(state);

    config = (struct config){.redis_prefix = PREFIX,
        .redis_command_timeout_ms = 100,
        .inbox_max_messages = 1000,
        .inbox_ttl_ms = 600000,
        .inbox_idempotency_window_ms = 60000};
    service = (struct service){.config = &config, .nodes = node_pool_create(&config)};
    worker = (struct worker){.service = &service, .redis = redis};
    take_lease("n1", "boot1");
    return failed;
}

static int stop(void **state)
{
    (void)state;
    node_pool_destroy(service.nodes);
    return 0;
}

static enum err look_up(const char *json, struct lookup *out, struct problem *p)
{
    static const struct message_rules rules = {65536, 30000, 604800};
    struct message message;

    assert_int_equal(validate_send(slice_of(json), NULL, &rules, &message, NULL), ERR_OK);
    enum err err = lookup_send(&worker, &message, out, p);
    message_finish(&message);
    return err;
}

/* Looks up what must be found; the names of the sessions that are meant, in order of the alphabet.
 */
static const char *meant_by(const char *json)
{
    static char names[16];
    struct lookup found;

    assert_int_equal(look_up(json, &found, NULL), ERR_OK);
    memset(names, 0, sizeof(names));
    for (char name = 'a'; name <= 'z'; name++) {
        for (size_t i = 0; i < found.count; i++) {
            assert_int_equal(found.deliveries[i].status, DELIVERY_UNREACHABLE);
            if (found.deliveries[i].entry->session_id[0] == name) {
                names[strlen(names)] = name;
            }
        }
    }
    lookup_finish(&found);
    return names;
}

static void enter_at(const char *name, const char *key)
{
    struct registry_entry e = session_at(name, key);

    enter(&e);
}

static void sessions_are_those_of_the_target_without_the_excluded(void **state)
{
    char json[256];

    (void)state;
    enter_at("a", "pc:home:u1");
    enter_at("b", "pc:news:u1");
    enter_at("c", "app:home:u1");
    enter_at("d", "pc:home:u2");
    assert_string_equal(meant_by("{\"userId\":\"u1\",\"json\":1}"), "abc");
    assert_string_equal(meant_by("{\"userId\":\"u1\",\"serverClient\":\"pc\",\"json\":1}"), "ab");
    assert_string_equal(meant_by("{\"key\":\"app:home:u1\",\"json\":1}"), "c");
    assert_string_equal(meant_by("{\"userId\":\"u3\",\"json\":1}"), "");
    snprintf(
        json, sizeof(json), "{\"userId\":\"u1\",\"json\":1,\"exclude\":[\"%s\"]}", session_id("b"));
    assert_string_equal(meant_by(json), "ac");
    snprintf(
        json, sizeof(json), "{\"userId\":\"u1\",\"json\":1,\"sessionId\":\"%s\"}", session_id("b"));
    assert_string_equal(meant_by(json), "b");
}

static void only_durable_messages_are_stored(void **state)
{
    struct lookup found;

    (void)state;
    assert_int_equal(
        look_up("{\"userId\":\"u1\",\"json\":1,\"durable\":false}", &found, NULL), ERR_OK);
    assert_false(found.sent.stored);
    lookup_finish(&found);
    assert_int_equal(look_up("{\"userId\":\"u1\",\"json\":1}", &found, NULL), ERR_OK);
    assert_true(found.sent.stored);
    lookup_finish(&found);
    assert_int_equal(redis_server_ask_int(&server, "XLEN %s{u1}:inbox", PREFIX), 1);
}

static void retry_of_a_stored_message_is_for_all_again(void **state)
{
    static const char json[] = "{\"userId\":\"u1\",\"json\":1,\"messageId\":\"m\"}";
    struct lookup found;

    (void)state;
    enter_at("a", "pc:home:u1");
    assert_string_equal(meant_by(json), "a");
    assert_string_equal(
        meant_by(json), "a"); /* the first attempt may have died before it forwarded */
    assert_int_equal(look_up(json, &found, NULL), ERR_OK);
    assert_true(found.sent.duplicate);
    lookup_finish(&found);
    assert_int_equal(redis_server_ask_int(&server, "XLEN %s{u1}:inbox", PREFIX), 1);
}

static void same_message_id_for_something_else_is_a_conflict(void **state)
{
    struct problem p = {0};
    struct lookup found;

    (void)state;
    (void)meant_by("{\"userId\":\"u1\",\"json\":1,\"messageId\":\"m\"}");
    assert_int_equal(look_up("{\"userId\":\"u1\",\"json\":2,\"messageId\":\"m\"}", &found, &p),
        ERR_IDEMPOTENCY_CONFLICT);
    assert_string_equal(p.field, "messageId");
}

static void session_of_a_dead_node_is_gone(void **state)
{
    struct lookup found;

    (void)state;
    enter_at("a", "pc:home:u1");
    lose_lease("n1");
    assert_int_equal(look_up("{\"userId\":\"u1\",\"json\":1}", &found, NULL), ERR_OK);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.deliveries[0].status, DELIVERY_GONE);
    lookup_finish(&found);
}

static void too_few_replicas_are_told_and_the_message_is_stored(void **state)
{
    struct problem p = {0};
    struct lookup found;

    (void)state;
    config.redis_wait_replicas = 1;
    assert_int_equal(look_up("{\"userId\":\"u1\",\"json\":1}", &found, &p), ERR_TOO_FEW_REPLICAS);
    assert_int_equal(redis_server_ask_int(&server, "XLEN %s{u1}:inbox", PREFIX), 1);
    assert_int_equal(
        look_up("{\"userId\":\"u1\",\"json\":1,\"durable\":false}", &found, &p), ERR_OK);
    lookup_finish(&found);
}

static void redis_away_is_told(void **state)
{
    struct redis_sync *nobody = connect_to_nobody();
    struct lookup found;

    (void)state;
    worker.redis = nobody;
    assert_int_equal(look_up("{\"userId\":\"u1\",\"json\":1}", &found, NULL), ERR_REDIS_DOWN);
    redis_sync_destroy(nobody);
}

#define test(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(sessions_are_those_of_the_target_without_the_excluded),
        test(only_durable_messages_are_stored),
        test(retry_of_a_stored_message_is_for_all_again),
        test(same_message_id_for_something_else_is_a_conflict),
        test(session_of_a_dead_node_is_gone),
        test(too_few_replicas_are_told_and_the_message_is_stored),
        test(redis_away_is_told),
    };

    return cmocka_run_group_tests(tests, domain_start, domain_stop);
}
