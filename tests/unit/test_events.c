/* What is told of sessions, by the real scripts on a real Redis: once each, and in order. */
#include <stdlib.h>
#include <string.h>

#include "shared/events.h"
#include "tests/unit/domain.h"

#define DELAY_MS 60000

static struct events_rules rules;
static const struct events_node node = {"n1", "boot1"};
static const struct events_node other_node = {"n 2", "boot2"};
static char told[4096]; /* "type userId[:session[:code[:by]]]" … */

static int start(void **state)
{
    rules =
        (struct events_rules){.prefix = PREFIX, .stream_max = 1000, .offline_delay_ms = DELAY_MS};
    return domain_empty(state);
}

static int64_t open_on(const struct events_node *n, const char *session, const char *key)
{
    struct command c;

    command_init(&c);
    events_open_command(&c, &rules, n, session, key);
    return run_int(&c);
}

static int64_t close_as(const char *session, enum events_end end, int code)
{
    struct command c;

    command_init(&c);
    events_close_command(&c, &rules, &node, session, end, code);
    return run_int(&c);
}

static int64_t lose(const struct events_node *n, int64_t count)
{
    struct command c;

    command_init(&c);
    events_lost_command(&c, &rules, n, count);
    return run_int(&c);
}

static int64_t tell_offline(int64_t count)
{
    struct command c;

    command_init(&c);
    events_offline_command(&c, &rules, count);
    return run_int(&c);
}

static const char *field(const redisReply *fields, const char *name)
{
    for (size_t i = 0; i < fields->elements; i += 2) {
        if (strcmp(fields->element[i]->str, name) == 0) {
            return fields->element[i + 1]->str;
        }
    }
    return NULL;
}

/* What was told since the last call. */
static const char *take_told(void)
{
    redisReply *reply = redis_server_ask(&server, "XRANGE %sevents - +", PREFIX);

    told[0] = '\0';
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *fields = reply->element[i]->element[1];
        const char *names[] = {"type", "userId", "sessionId", "code", "by"};
        for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
            const char *value = field(fields, names[j]);
            if (value) {
                strcat(told, j == 0 ? (i > 0 ? ", " : "") : j == 1 ? " " : ":");
                strcat(told, value);
            }
        }
    }
    freeReplyObject(reply);
    redis_server_do(&server, "XTRIM %sevents MAXLEN 0", PREFIX);
    return told;
}

static void first_session_makes_its_user_online(void **state)
{
    (void)state;
    assert_int_equal(open_on(&node, "s1", "pc:home:u1"), 1);
    assert_string_equal(take_told(), "opened u1:s1, online u1");
    assert_int_equal(open_on(&other_node, "s2", "app:home:u1"), 1);
    assert_string_equal(take_told(), "opened u1:s2");
}

static void event_has_the_whole_address(void **state)
{
    (void)state;
    open_on(&other_node, "s1", "pc:home:u\"1");
    redisReply *reply = redis_server_ask(&server, "XRANGE %sevents - +", PREFIX);
    const redisReply *opened = reply->element[0]->element[1];
    assert_string_equal(field(opened, "key"), "pc:home:u\"1");
    assert_string_equal(field(opened, "serverClient"), "pc");
    assert_string_equal(field(opened, "page"), "home");
    assert_string_equal(field(opened, "userId"), "u\"1");
    assert_string_equal(field(opened, "node"), "n 2");
    assert_int_equal(strlen(field(opened, "time")), 13);
    assert_null(field(reply->element[1]->element[1], "key"));
    freeReplyObject(reply);
}

static void nothing_is_told_twice(void **state)
{
    (void)state;
    open_on(&node, "s1", "pc:home:u1");
    assert_int_equal(open_on(&node, "s1", "pc:home:u1"), 0);
    assert_string_equal(take_told(), "opened u1:s1, online u1");
    assert_int_equal(close_as("s1", EVENTS_CLOSED, 1012), 1);
    assert_int_equal(close_as("s1", EVENTS_CLOSED, 1012), 0);
    assert_string_equal(take_told(), "closed u1:s1:1012:node");
    assert_int_equal(close_as("never", EVENTS_BROKEN, 0), 0);
    assert_int_equal(lose(&node, 10), 0);
    assert_string_equal(take_told(), "");
}

static void end_says_how(void **state)
{
    (void)state;
    open_on(&node, "s1", "pc:home:u1");
    open_on(&node, "s2", "pc:home:u1");
    open_on(&node, "s3", "pc:home:u1");
    open_on(&node, "s4", "pc:home:u1");
    (void)take_told();
    close_as("s1", EVENTS_REPLACED, 4009);
    close_as("s2", EVENTS_CLOSED, 1012);
    close_as("s3", EVENTS_LEFT, 1001);
    close_as("s4", EVENTS_BROKEN, 0);
    assert_string_equal(take_told(), "replaced u1:s1:4009:node, closed u1:s2:1012:node, "
                                     "closed u1:s3:1001:client, closed u1:s4");
}

static void user_is_offline_after_the_delay(void **state)
{
    (void)state;
    open_on(&node, "s1", "pc:home:u1");
    open_on(&node, "s2", "pc:home:u1");
    rules.offline_delay_ms = 0;
    close_as("s1", EVENTS_BROKEN, 0);
    (void)take_told();
    assert_int_equal(tell_offline(10), 0); /* one is left */
    close_as("s2", EVENTS_BROKEN, 0);
    assert_string_equal(take_told(), "closed u1:s2");
    assert_int_equal(tell_offline(10), 1);
    assert_int_equal(tell_offline(10), 0);
    assert_string_equal(take_told(), "offline u1");
    open_on(&node, "s3", "pc:home:u1");
    assert_string_equal(take_told(), "opened u1:s3, online u1");
}

static void who_comes_back_in_time_never_was_offline(void **state)
{
    (void)state;
    open_on(&node, "s1", "pc:home:u1");
    close_as("s1", EVENTS_BROKEN, 0);
    assert_int_equal(tell_offline(10), 0); /* not yet */
    open_on(&node, "s2", "pc:home:u1");
    assert_string_equal(take_told(), "opened u1:s1, online u1, closed u1:s1, opened u1:s2");
    assert_int_equal(
        redis_server_ask_int(&server, "ZCARD %sleaving:{%sevents}", PREFIX, PREFIX), 0);
}

static void sessions_of_a_dead_node_are_lost(void **state)
{
    (void)state;
    open_on(&node, "s1", "pc:home:u1");
    open_on(&other_node, "s2", "pc:home:u1");
    open_on(&other_node, "s3", "pc:home:u2");
    (void)take_told();
    rules.offline_delay_ms = 0;
    assert_int_equal(lose(&other_node, 10), 2);
    const char *lost = take_told();
    assert_non_null(strstr(lost, "lost u1:s2"));
    assert_non_null(strstr(lost, "lost u2:s3"));
    assert_int_equal(lose(&other_node, 10), 0);
    assert_int_equal(tell_offline(10), 1);
    assert_string_equal(take_told(), "offline u2");
}

static void lost_sessions_are_told_in_portions(void **state)
{
    char session[16];

    (void)state;
    for (int i = 0; i < 250; i++) {
        snprintf(session, sizeof(session), "s%d", i);
        open_on(&node, session, "pc:home:u1");
    }
    assert_int_equal(lose(&node, 100), 100);
    assert_int_equal(lose(&node, 100), 100);
    assert_int_equal(lose(&node, 100), 50);
    assert_int_equal(lose(&node, 100), 0);
    assert_int_equal(redis_server_ask_int(&server, "XLEN %sevents", PREFIX), 501);
}

/* It was only thought dead: it says again what it has. */
static void node_that_comes_back_tells_its_sessions_again(void **state)
{
    (void)state;
    open_on(&node, "s1", "pc:home:u1");
    lose(&node, 10);
    (void)take_told();
    open_on(&node, "s1", "pc:home:u1");
    assert_string_equal(take_told(), "opened u1:s1"); /* within the delay: online all the time */
    close_as("s1", EVENTS_BROKEN, 0);
    assert_string_equal(take_told(), "closed u1:s1");
}

static void end_of_a_session_that_redis_lost_does_no_harm(void **state)
{
    (void)state;
    open_on(&node, "s1", "pc:home:u1");
    redis_server_do(&server, "FLUSHALL");
    assert_int_equal(close_as("s1", EVENTS_BROKEN, 0), 0);
    open_on(&node, "s2", "pc:home:u1");
    assert_string_equal(take_told(), "opened u1:s2, online u1");
}

static struct events_node *read_nodes(size_t *count)
{
    struct events_node *nodes;
    struct command c;

    command_init(&c);
    events_nodes_command(&c, &rules);
    redisReply *reply = run(&c);
    assert_int_equal(events_nodes_decode(reply, &nodes, count), ERR_OK);
    freeReplyObject(reply);
    return nodes;
}

static void nodes_are_known_until_their_sessions_are_told_lost(void **state)
{
    size_t count;

    (void)state;
    open_on(&other_node, "s1", "pc:home:u1");
    redis_server_do(&server, "SADD %stold:{%sevents} nonsense", PREFIX, PREFIX);
    struct events_node *nodes = read_nodes(&count);
    assert_int_equal(count, 1);
    assert_string_equal(nodes[0].node_id, "n 2");
    assert_string_equal(nodes[0].boot, "boot2");
    free(nodes);
    lose(&other_node, 10);
    lose(&other_node, 10);
    free(read_nodes(&count));
    assert_int_equal(count, 0);
}

static void one_node_has_the_watch(void **state)
{
    struct command c;

    (void)state;
    command_init(&c);
    events_watch_command(&c, &rules, "n1", 60000);
    redisReply *reply = run(&c);
    assert_int_equal(reply->type, REDIS_REPLY_STATUS);
    freeReplyObject(reply);
    command_init(&c);
    events_watch_command(&c, &rules, "n2", 60000);
    reply = run(&c);
    assert_int_equal(reply->type, REDIS_REPLY_NIL);
    freeReplyObject(reply);
}

/* The body, or "" where somebody else has the office. */
static const char *bring(
    const struct events_node *n, const char *brought, int64_t count, struct events_batch *batch)
{
    static struct buf out;
    struct command c;

    buf_finish(&out);
    buf_init(&out, 65536);
    command_init(&c);
    events_bring_command(&c, &rules, n, 60000, brought, count);
    redisReply *reply = run(&c);
    assert_int_equal(events_bring_decode(reply, &out, batch), ERR_OK);
    assert_int_equal(buf_err(&out), ERR_OK);
    freeReplyObject(reply);
    return batch->is_ours ? buf_str(&out) : "";
}

static void events_are_brought_in_order_and_from_where_it_was_left(void **state)
{
    struct events_batch first;
    struct events_batch second;
    char whole[2048];

    (void)state;
    redis_server_do(&server, "XADD %sevents 5-1 type closed time 17 userId u1 code 1012", PREFIX);
    redis_server_do(&server, "XADD %sevents 6-0 type offline time 18 userId a\"b", PREFIX);
    redis_server_do(&server, "XADD %sevents 6-1 type x code y", PREFIX);
    assert_string_equal(bring(&node, "", 2, &first),
        "{\"type\":\"events\",\"events\":[{\"id\":\"5-1\",\"type\":\"closed\",\"time\":17,"
        "\"userId\":\"u1\",\"code\":1012},"
        "{\"id\":\"6-0\",\"type\":\"offline\",\"time\":18,\"userId\":\"a\\\"b\"}]}");
    assert_int_equal(first.count, 2);
    assert_string_equal(first.last_id, "6-0");
    strcpy(whole, bring(&node, "", 2, &first)); /* nobody said that the backend has it */
    assert_non_null(strstr(whole, "\"5-1\""));
    assert_string_equal(bring(&node, "6-0", 2, &second),
        "{\"type\":\"events\",\"events\":[{\"id\":\"6-1\",\"type\":\"x\",\"code\":\"y\"}]}");
    assert_string_equal(bring(&node, "6-1", 2, &second), "{\"type\":\"events\",\"events\":[]}");
    assert_int_equal(second.count, 0);
}

static void one_node_brings_until_it_is_silent(void **state)
{
    struct events_batch batch;

    (void)state;
    redis_server_do(&server, "XADD %sevents 5-0 type x", PREFIX);
    redis_server_do(&server, "XADD %sevents 6-0 type x", PREFIX);
    (void)bring(&node, "", 1, &batch);
    assert_string_equal(bring(&other_node, "", 1, &batch), "");
    redis_server_do(&server, "DEL %sbringer:{%sevents}", PREFIX, PREFIX); /* as time does */
    assert_non_null(strstr(bring(&other_node, "", 1, &batch), "\"5-0\""));
    /* What the one before brought last still counts, and never goes back. */
    assert_string_equal(bring(&node, "5-0", 1, &batch), "");
    assert_non_null(strstr(bring(&other_node, "", 1, &batch), "\"6-0\""));
    (void)bring(&other_node, "6-0", 1, &batch);
    assert_string_equal(bring(&node, "5-0", 1, &batch), "");
    (void)bring(&other_node, "", 1, &batch);
    assert_int_equal(batch.count, 0);
}

static void bring_decoder_survives_any_reply(void **state)
{
    static const char *const scripts[] = {"return 1", "return {}", "return {1}", "return {1,2}",
        "return {1,{1}}", "return {1,{{'5-0'}}}", "return {1,{{'x',{}}}}",
        "return {1,{{'5-0',{'a'}}}}", "return {1,{{'5-0',{1,2}}}}", "return 'x'"};

    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        redisReply *reply = redis_server_ask(&server, "EVAL %s 0", scripts[i]);
        struct events_batch batch;
        struct buf out;

        buf_init(&out, 65536);
        assert_int_equal(events_bring_decode(reply, &out, &batch), ERR_INTERNAL);
        buf_finish(&out);
        freeReplyObject(reply);
    }
}

static void stream_is_bounded(void **state)
{
    (void)state;
    rules.stream_max = 10;
    for (int i = 0; i < 300; i++) {
        open_on(&node, "s1", "pc:home:u1");
        close_as("s1", EVENTS_BROKEN, 0);
    }
    assert_in_range(redis_server_ask_int(&server, "XLEN %sevents", PREFIX), 10, 210);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_session_makes_its_user_online),
        TEST(event_has_the_whole_address),
        TEST(nothing_is_told_twice),
        TEST(end_says_how),
        TEST(user_is_offline_after_the_delay),
        TEST(who_comes_back_in_time_never_was_offline),
        TEST(sessions_of_a_dead_node_are_lost),
        TEST(lost_sessions_are_told_in_portions),
        TEST(node_that_comes_back_tells_its_sessions_again),
        TEST(end_of_a_session_that_redis_lost_does_no_harm),
        TEST(nodes_are_known_until_their_sessions_are_told_lost),
        TEST(one_node_has_the_watch),
        TEST(events_are_brought_in_order_and_from_where_it_was_left),
        TEST(one_node_brings_until_it_is_silent),
        TEST(bring_decoder_survives_any_reply),
        TEST(stream_is_bounded),
    };

    return cmocka_run_group_tests(tests, domain_start, domain_stop);
}
