/* A send's visit to Redis: what is stored, who is meant, and what too few replicas mean. */
#include <stdio.h>
#include <string.h>

#include "fcgi-send/lookup.h"
#include "fcgi-send/validate.h"
#include "shared/clock.h"
#include "shared/topics.h"
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
        .inbox_idempotency_window_ms = 60000,
        .topics_history_max = 100,
        .topics_history_ttl_ms = 600000};
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

static struct batch look_up(const char *json)
{
    static const struct message_rules rules = {.payload_max_bytes = 65536,
        .timeout_max_ms = 30000,
        .ttl_max_s = 604800,
        .history = "kept/*",
        .history_ttl_max_s = 600};
    struct batch b;

    assert_int_equal(validate_send(slice_of(json), NULL, &rules, 1000, &b, NULL), ERR_OK);
    assert_int_equal(lookup_send(&worker, &b), ERR_OK);
    return b;
}

/* The names of the sessions that a message is for, in order of the alphabet. */
static const char *names_of(const struct sending *s)
{
    static char names[16];

    memset(names, 0, sizeof(names));
    for (char name = 'a'; name <= 'z'; name++) {
        for (size_t i = 0; i < s->delivery_count; i++) {
            assert_int_equal(s->deliveries[i].status, DELIVERY_UNREACHABLE);
            assert_ptr_equal(s->deliveries[i].sending, s);
            if (s->deliveries[i].entry->session_id[0] == name) {
                names[strlen(names)] = name;
            }
        }
    }
    return names;
}

static const char *meant_by(const char *json)
{
    struct batch b = look_up(json);

    assert_int_equal(b.sendings[0].problem.err, ERR_OK);
    const char *names = names_of(&b.sendings[0]);
    batch_finish(&b);
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
    (void)state;
    struct batch b = look_up("{\"userId\":\"u1\",\"json\":1,\"durable\":false}");
    assert_false(b.sendings[0].sent.stored);
    batch_finish(&b);
    b = look_up("{\"userId\":\"u1\",\"json\":1}");
    assert_true(b.sendings[0].sent.stored);
    batch_finish(&b);
    assert_int_equal(redis_server_ask_int(&server, "XLEN %s{u1}:inbox", PREFIX), 1);
}

static void retry_of_a_stored_message_is_for_all_again(void **state)
{
    static const char json[] = "{\"userId\":\"u1\",\"json\":1,\"messageId\":\"m\"}";

    (void)state;
    enter_at("a", "pc:home:u1");
    assert_string_equal(meant_by(json), "a");
    assert_string_equal(
        meant_by(json), "a"); /* the first attempt may have died before it forwarded */
    struct batch b = look_up(json);
    assert_true(b.sendings[0].sent.duplicate);
    batch_finish(&b);
    assert_int_equal(redis_server_ask_int(&server, "XLEN %s{u1}:inbox", PREFIX), 1);
}

static void assert_failed(const char *json, enum err expected, const char *field)
{
    struct batch b = look_up(json);

    assert_int_equal(b.sendings[0].problem.err, expected);
    assert_string_equal(b.sendings[0].problem.field, field);
    assert_int_equal(b.delivery_count, 0);
    batch_finish(&b);
}

static void same_message_id_for_something_else_is_a_conflict(void **state)
{
    (void)state;
    (void)meant_by("{\"userId\":\"u1\",\"json\":1,\"messageId\":\"m\"}");
    assert_failed("{\"userId\":\"u1\",\"json\":2,\"messageId\":\"m\"}", ERR_IDEMPOTENCY_CONFLICT,
        "messageId");
}

static void session_of_a_dead_node_is_gone(void **state)
{
    (void)state;
    enter_at("a", "pc:home:u1");
    lose_lease("n1");
    struct batch b = look_up("{\"userId\":\"u1\",\"json\":1}");
    assert_int_equal(b.delivery_count, 1);
    assert_int_equal(b.deliveries[0].status, DELIVERY_GONE);
    batch_finish(&b);
}

static void too_few_replicas_are_told_and_the_message_is_stored(void **state)
{
    (void)state;
    config.redis_wait_replicas = 1;
    assert_failed("{\"userId\":\"u1\",\"json\":1}", ERR_TOO_FEW_REPLICAS, "");
    assert_int_equal(redis_server_ask_int(&server, "XLEN %s{u1}:inbox", PREFIX), 1);
    (void)meant_by("{\"userId\":\"u1\",\"json\":1,\"durable\":false}");
}

static void refused_confirmation_is_too_few_replicas_for_the_message_is_stored(void **state)
{
    (void)state;
    config.redis_wait_replicas = 1;
    redis_server_ask_int(&server, "ACL SETUSER default -wait");
    assert_failed("{\"userId\":\"u1\",\"json\":1}", ERR_TOO_FEW_REPLICAS, "");
    redis_server_ask_int(&server, "ACL SETUSER default +wait");
    assert_int_equal(redis_server_ask_int(&server, "XLEN %s{u1}:inbox", PREFIX), 1);
}

static void redis_away_is_told(void **state)
{
    struct redis_sync *nobody = connect_to_nobody();

    (void)state;
    worker.redis = nobody;
    assert_failed("{\"userId\":\"u1\",\"json\":1}", ERR_REDIS_DOWN, "");
    redis_sync_destroy(nobody);
}

static void each_message_of_a_batch_has_its_own_sessions_and_place(void **state)
{
    (void)state;
    enter_at("a", "pc:home:u1");
    enter_at("b", "app:home:u1");
    enter_at("c", "pc:home:u2");
    struct batch b = look_up("{\"messages\":[{\"userId\":\"u1\",\"json\":0},"
                             "{\"userId\":\"u2\",\"json\":1},"
                             "{\"key\":\"app:home:u1\",\"json\":2},"
                             "{\"userId\":\"u1\",\"json\":3,\"durable\":false},"
                             "{\"userId\":\"u1\",\"json\":4}]}");
    const struct sending *s = b.sendings;

    assert_string_equal(names_of(&s[0]), "ab");
    assert_string_equal(names_of(&s[1]), "c");
    assert_string_equal(names_of(&s[2]), "b");
    assert_string_equal(names_of(&s[3]), "ab");
    assert_string_equal(names_of(&s[4]), "ab");
    assert_true(s[0].sent.stored && s[1].sent.stored && s[2].sent.stored && s[4].sent.stored);
    assert_false(s[3].sent.stored);
    assert_id_equal(s[2].sent.prev_id, s[0].sent.id);
    assert_id_equal(s[4].sent.prev_id, s[2].sent.id);
    assert_true(message_id_compare(s[4].sent.id, s[2].sent.id) > 0);
    batch_finish(&b);
}

static void bad_and_conflicting_messages_leave_the_others_alone(void **state)
{
    (void)state;
    enter_at("a", "pc:home:u1");
    (void)meant_by("{\"userId\":\"u1\",\"json\":1,\"messageId\":\"m\"}");
    struct batch b = look_up("{\"messages\":[{\"userId\":\"u1\",\"json\":1},"
                             "{\"userId\":\"u1\"},"
                             "{\"userId\":\"u1\",\"json\":1,\"messageId\":\"m\"},"
                             "{\"userId\":\"u1\",\"json\":2,\"messageId\":\"m\"}]}");

    assert_string_equal(names_of(&b.sendings[0]), "a");
    assert_int_equal(b.sendings[1].problem.err, ERR_NO_PAYLOAD);
    assert_true(b.sendings[2].sent.duplicate);
    assert_int_equal(b.sendings[3].problem.err, ERR_IDEMPOTENCY_CONFLICT);
    assert_string_equal(b.sendings[3].problem.field, "messages[3].messageId");
    assert_int_equal(b.delivery_count, 2);
    assert_int_equal(redis_server_ask_int(&server, "XLEN %s{u1}:inbox", PREFIX), 2);
    batch_finish(&b);
}

static void many_messages_to_one_user_are_stored_in_their_order(void **state)
{
    char json[8192] = "{\"messages\":[";

    (void)state;
    enter_at("a", "pc:home:u1");
    for (int i = 0; i < 100; i++) {
        sprintf(json + strlen(json), "%s{\"userId\":\"u1\",\"json\":%d}", i ? "," : "", i);
    }
    strcat(json, "]}");
    struct batch b = look_up(json);
    for (size_t i = 1; i < b.count; i++) {
        assert_id_equal(b.sendings[i].sent.prev_id, b.sendings[i - 1].sent.id);
        assert_string_equal(names_of(&b.sendings[i]), "a");
    }
    assert_int_equal(redis_server_ask_int(&server, "XLEN %s{u1}:inbox", PREFIX), 100);
    batch_finish(&b);
}

static void join(const char *group, const char *node_id, const char *boot)
{
    struct registry_entry node = {.addr = "127.0.0.1:31882", .until_ms = clock_wall_ms() + 60000};
    struct command c;

    strcpy(node.node_id, node_id);
    strcpy(node.boot, boot);
    command_init(&c);
    topics_join_command(&c, PREFIX, group, &node, 60000);
    freeReplyObject(run(&c));
}

static void message_for_a_group_is_for_the_nodes_that_have_members(void **state)
{
    (void)state;
    join("kept/news", "n1", "boot1");
    join("kept/news", "n2", "boot2");
    take_lease("n2", "other boot");
    struct batch b = look_up("{\"topic\":\"kept/news\",\"json\":1}");
    assert_true(b.sendings[0].sent.stored);
    assert_int_equal(b.delivery_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct delivery *d = &b.deliveries[i];
        bool is_first = strcmp(d->entry->node_id, "n1") == 0;

        assert_int_equal(d->status, is_first ? DELIVERY_UNREACHABLE : DELIVERY_GONE);
        assert_ptr_equal(d->counts, &b.counts[i]);
    }
    batch_finish(&b);
}

static void messages_for_users_and_groups_are_looked_up_together(void **state)
{
    (void)state;
    enter_at("a", "pc:home:news"); /* a topic of the same name is something else */
    join("kept/news", "n1", "boot1");
    join("pc:home", "n1", "boot1");
    struct batch b = look_up("{\"messages\":[{\"topic\":\"kept/news\",\"json\":0},"
                             "{\"userId\":\"news\",\"json\":1},"
                             "{\"topic\":\"kept/news\",\"json\":2,\"ttl\":60},"
                             "{\"serverClient\":\"pc\",\"page\":\"home\",\"json\":3},"
                             "{\"topic\":\"kept/news\"},"
                             "{\"topic\":\"news\",\"json\":5}]}");
    const struct sending *s = b.sendings;

    for (size_t i = 0; i < b.count; i++) {
        assert_int_equal(s[i].problem.err, i == 4 ? ERR_NO_PAYLOAD : ERR_OK);
        assert_int_equal(s[i].delivery_count, i < 4);
        assert_int_equal(s[i].delivery_count > 0 && s[i].deliveries[0].counts, i < 4 && i != 1);
    }
    assert_string_equal(names_of(&s[1]), "a");
    assert_id_equal(s[2].sent.prev_id, s[0].sent.id);
    assert_ptr_equal(s[0].deliveries[0].entry, s[2].deliveries[0].entry); /* one ghost, if it is */
    assert_false(s[3].sent.stored);
    batch_finish(&b);
}

static void retry_for_a_group_goes_on_where_it_is_stored_and_to_nobody_else(void **state)
{
    static const char json[] =
        "{\"messages\":[{\"topic\":\"kept/news\",\"json\":1,\"messageId\":\"m\"},"
        "{\"topic\":\"news\",\"json\":1,\"messageId\":\"m\"},"
        "{\"topic\":\"news\",\"json\":2}]}";

    (void)state;
    join("kept/news", "n1", "boot1");
    join("news", "n1", "boot1");
    for (int attempt = 0; attempt < 2; attempt++) {
        struct batch b = look_up(json);
        assert_int_equal(b.sendings[0].sent.duplicate, attempt);
        assert_int_equal(b.sendings[1].sent.duplicate, attempt);
        assert_int_equal(b.sendings[0].delivery_count, 1);
        assert_int_equal(b.sendings[1].delivery_count, attempt == 0);
        assert_int_equal(b.sendings[2].delivery_count, 1);
        batch_finish(&b);
    }
}

static void too_few_replicas_concern_what_is_stored_of_groups_too(void **state)
{
    (void)state;
    config.redis_wait_replicas = 1;
    struct batch b = look_up("{\"messages\":[{\"topic\":\"kept/news\",\"json\":1},"
                             "{\"topic\":\"news\",\"json\":1},{\"userId\":\"u1\",\"json\":1}]}");
    assert_int_equal(b.sendings[0].problem.err, ERR_TOO_FEW_REPLICAS);
    assert_int_equal(b.sendings[1].problem.err, ERR_OK);
    assert_int_equal(b.sendings[2].problem.err, ERR_TOO_FEW_REPLICAS);
    batch_finish(&b);
}

static void assert_all_fail_with_the_last(const char *json)
{
    redis_server_ask_int(&server, "HSET %s{u1}:inbox of the_wrong_type", PREFIX);
    redis_server_ask_int(&server, "HSET %stopic:{kept/news}:log of the_wrong_type", PREFIX);
    struct batch b = look_up(json);
    for (size_t i = 0; i < b.count; i++) {
        assert_int_equal(b.sendings[i].problem.err, ERR_INTERNAL);
    }
    assert_int_equal(b.delivery_count, 0);
    batch_finish(&b);
}

static void what_is_not_stored_fails_with_the_lookup_of_its_group(void **state)
{
    (void)state;
    join("kept/news", "n1", "boot1");
    assert_all_fail_with_the_last(
        "{\"messages\":[{\"topic\":\"kept/news\",\"json\":1,\"durable\":false},"
        "{\"topic\":\"kept/news\",\"json\":2}]}");
}

static void what_is_not_stored_fails_with_the_lookup_of_its_user(void **state)
{
    char json[8192] = "{\"messages\":[";

    (void)state;
    enter_at("a", "pc:home:u1");
    for (int i = 0; i < MESSAGE_ITEMS_MAX; i++) {
        strcat(json, "{\"userId\":\"u1\",\"json\":0,\"durable\":false},");
    }
    strcat(json, "{\"userId\":\"u1\",\"json\":1}]}");
    assert_all_fail_with_the_last(json);
}

static void conflict_of_the_last_message_hides_nobody_from_the_others(void **state)
{
    (void)state;
    join("kept/news", "n1", "boot1");
    struct batch b = look_up("{\"messages\":["
                             "{\"topic\":\"kept/news\",\"json\":1,\"messageId\":\"m\"},"
                             "{\"topic\":\"kept/news\",\"json\":2,\"durable\":false},"
                             "{\"topic\":\"kept/news\",\"json\":3,\"messageId\":\"m\"}]}");
    assert_int_equal(b.sendings[2].problem.err, ERR_IDEMPOTENCY_CONFLICT);
    assert_int_equal(b.sendings[0].delivery_count, 1);
    assert_int_equal(b.sendings[1].delivery_count, 1);
    batch_finish(&b);
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
        test(refused_confirmation_is_too_few_replicas_for_the_message_is_stored),
        test(redis_away_is_told),
        test(each_message_of_a_batch_has_its_own_sessions_and_place),
        test(bad_and_conflicting_messages_leave_the_others_alone),
        test(many_messages_to_one_user_are_stored_in_their_order),
        test(message_for_a_group_is_for_the_nodes_that_have_members),
        test(messages_for_users_and_groups_are_looked_up_together),
        test(retry_for_a_group_goes_on_where_it_is_stored_and_to_nobody_else),
        test(too_few_replicas_concern_what_is_stored_of_groups_too),
        test(what_is_not_stored_fails_with_the_lookup_of_its_group),
        test(what_is_not_stored_fails_with_the_lookup_of_its_user),
        test(conflict_of_the_last_message_hides_nobody_from_the_others),
    };

    return cmocka_run_group_tests(tests, domain_start, domain_stop);
}
