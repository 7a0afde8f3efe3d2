/* Which nodes are in a group, on a real Redis: who joins, leaves, is removed, and what a send is
 * told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/topics.h"
#include "tests/unit/domain.h"

static const int64_t far_ms = 4000000000000;
static const struct target topic_t = {.group = "t"};

static struct topics_joined joined; /* as the last join was answered */

/* Node `name` with boot "boot1", that counts until far_ms + later_ms. */
static struct registry_entry node_of(const char *name, int64_t later_ms)
{
    struct registry_entry node = {
        .addr = "127.0.0.1:31882", .boot = "boot1", .until_ms = far_ms + later_ms};

    snprintf(node.node_id, sizeof(node.node_id), "%s", name);
    return node;
}

static void join_as(const char *group, const struct registry_entry *node)
{
    struct command c;

    command_init(&c);
    topics_join_command(&c, PREFIX, group, node, TTL_MS);
    redisReply *reply = run(&c);
    assert_int_equal(topics_join_decode(reply, &joined), ERR_OK);
    freeReplyObject(reply);
}

static void join(const char *group, const char *name)
{
    struct registry_entry node = node_of(name, 0);

    join_as(group, &node);
}

static int64_t leave_as(const char *group, const struct registry_entry *node)
{
    struct command c;

    command_init(&c);
    topics_leave_command(&c, PREFIX, group, node);
    return run_int(&c);
}

/* out: as many as there are items. */
static void send_items(
    const struct message_item *items, size_t count, bool looks_up, struct message_sent *out)
{
    const struct message_send s = {.items = items,
        .count = count,
        .looks_up = looks_up,
        .max_messages = 3,
        .ttl_ms = 60000,
        .idempotency_window_ms = 60000};
    struct command c;

    command_init(&c);
    message_send_command(&c, PREFIX, &s);
    redisReply *reply = run(&c);
    const struct target *to = &items[0].message->target;
    assert_int_equal(message_send_decode(reply, clock_wall_ms(), to, count, out), ERR_OK);
    freeReplyObject(reply);
}

static struct message_sent send_to(const char *group, const char *message_id, bool store)
{
    struct message m = {.durable = store};
    struct message_item item = {.message = &m, .hash = "hash1"};
    struct message_sent sent;

    snprintf(m.target.group, sizeof(m.target.group), "%s", group);
    snprintf(m.message_id, sizeof(m.message_id), "%s", message_id);
    buf_init(&m.payload, 100);
    buf_add_str(&m.payload, "{\"json\":1}");
    send_items(&item, 1, true, &sent);
    message_finish(&m);
    return sent;
}

static size_t nodes_in(const char *group)
{
    struct message_sent sent = send_to(group, "", false);
    size_t count = sent.entry_count;

    message_sent_finish(&sent);
    return count;
}

static void nodes_are_told_only_if_they_are_asked_for(void **state)
{
    struct message m = {.target = {.group = "t"}};
    struct message_item item = {.message = &m};
    struct message_sent sent;

    (void)state;
    join("t", "n1");
    send_items(&item, 1, false, &sent);
    assert_int_equal(sent.entry_count, 0);
    message_sent_finish(&sent);
}

static void send_is_told_which_nodes_have_members(void **state)
{
    (void)state;
    join("news/sport", "n1");
    join("news/sport", "n2");
    join("news", "n3");
    struct message_sent sent = send_to("news/sport", "", false);
    assert_false(sent.conflict || sent.duplicate || sent.stored);
    assert_int_equal(sent.entry_count, 2);
    const struct registry_entry *n1 = &sent.entries[strcmp(sent.entries[0].node_id, "n1") != 0];
    assert_string_equal(n1->node_id, "n1");
    assert_string_equal(n1->boot, "boot1");
    assert_string_equal(n1->addr, "127.0.0.1:31882");
    assert_int_equal(n1->until_ms, far_ms);
    message_sent_finish(&sent);
    assert_int_equal(nodes_in("nobody"), 0);
    assert_int_equal(nodes_in(":"), 0);
}

static void nodes_of_a_group_are_told_without_a_send(void **state)
{
    struct registry_entry late = node_of("n2", -far_ms + 1);
    struct registry_entry *nodes;
    struct command c;
    size_t count;

    (void)state;
    join("pc:home", "n1");
    join_as("pc:home", &late);
    command_init(&c);
    topics_nodes_command(&c, PREFIX, "pc:home");
    redisReply *reply = run(&c);
    assert_int_equal(topics_nodes_decode(reply, clock_wall_ms(), &nodes, &count), ERR_OK);
    assert_int_equal(count, 1);
    assert_string_equal(nodes[0].node_id, "n1");
    free(nodes);
    freeReplyObject(reply);
}

static int64_t dismiss(const char *group, uint16_t code, const char *reason, size_t *node_count)
{
    struct dismissal how = {.code = code};
    struct registry_entry *nodes;
    struct command c;
    int64_t at_ms;

    snprintf(how.reason, sizeof(how.reason), "%s", reason);
    command_init(&c);
    topics_dismiss_command(&c, PREFIX, group, &how);
    redisReply *reply = run(&c);
    assert_int_equal(
        topics_dismiss_decode(reply, clock_wall_ms(), &at_ms, &nodes, node_count), ERR_OK);
    free(nodes);
    freeReplyObject(reply);
    return at_ms;
}

static void order_to_close_is_told_to_who_joins(void **state)
{
    size_t node_count;

    (void)state;
    join("pc:home", "n1");
    assert_int_equal(joined.order.at_ms, 0);
    int64_t at_ms = dismiss("pc:home", 4003, "two words", &node_count);
    assert_int_equal(node_count, 1);
    assert_in_range(at_ms, clock_wall_ms() - 60000, clock_wall_ms() + 60000);
    join("pc:home", "n1");
    assert_int_equal(joined.order.at_ms, at_ms);
    assert_int_equal(joined.order.how.code, 4003);
    assert_string_equal(joined.order.how.reason, "two words");
    dismiss("pc:home", 4010, "", &node_count);
    join("pc:home", "n2");
    assert_int_equal(joined.order.how.code, 4010);
    assert_string_equal(joined.order.how.reason, "");
    join("pc:", "n1");
    assert_int_equal(joined.order.at_ms, 0);
    assert_in_range(redis_server_ask_int(&server, "PTTL %stopic:{pc:home}:close", PREFIX),
        DISMISSAL_TTL_MS - 5000, DISMISSAL_TTL_MS);
}

static void order_that_nobody_may_give_is_none(void **state)
{
    static const char *const strange[] = {"1", "5_1005_x", "4003", "x_4003_y", "-1_4003_y"};

    (void)state;
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        redis_server_ask_int(&server, "EVAL %s 1 %stopic:{:}:close %s",
            "redis.call('SET',KEYS[1],(string.gsub(ARGV[1],'_',' '))) return 1", PREFIX,
            strange[i]);
        join(":", "n1");
        assert_int_equal(joined.order.at_ms, 0);
    }
}

static void group_expires_unless_it_is_joined_again(void **state)
{
    (void)state;
    join(":", "n1");
    int64_t left_ms = redis_server_ask_int(&server, "PTTL %stopic:{:}", PREFIX);
    assert_in_range(left_ms, TTL_MS - 5000, TTL_MS);
}

static void node_leaves_only_what_it_said_before(void **state)
{
    struct registry_entry first = node_of("n1", 0), second = node_of("n1", 1),
                          other = node_of("n1", 5);

    (void)state;
    snprintf(other.boot, sizeof(other.boot), "boot2");
    join_as("t", &second);
    assert_int_equal(leave_as("t", &first), 0); /* came late: it has joined again since */
    assert_int_equal(leave_as("t", &other), 0); /* of another start */
    assert_int_equal(nodes_in("t"), 1);
    assert_int_equal(leave_as("t", &second), 1);
    assert_int_equal(leave_as("t", &second), 0);
    assert_int_equal(nodes_in("t"), 0);
}

static void node_that_did_not_join_in_time_does_not_count(void **state)
{
    struct registry_entry late = node_of("n1", 0);

    (void)state;
    late.until_ms = clock_wall_ms() - 1;
    join_as("t", &late);
    join("t", "n2");
    assert_int_equal(nodes_in("t"), 1);
    for (int i = 0; redis_server_ask_int(&server, "HLEN %stopic:{t}", PREFIX) > 1; i++) {
        assert_in_range(i, 0, 10000);
        join("t", "n2"); /* one in so many looks for those that have gone */
    }
}

static void foreign_fields_are_none(void **state)
{
    (void)state;
    join("t", "n1");
    redis_server_do(
        &server, "HSET %stopic:{t} a %s b %s c %s", PREFIX, "", "boot-without-more", "x y z");
    assert_int_equal(nodes_in("t"), 1);
    for (int i = 0; i < 50; i++) {
        join("t", "n1"); /* whose turn it is to look must not stumble */
    }
    assert_int_equal(nodes_in("t"), 1);
}

static void node_of_a_group_with_a_nul_is_none(void **state)
{
    static const char *const replies[] = {
        "return {0,0,0,'0-0','0-0',{'n\\0', 'boot 10.0.0.1:1 9'}}",
        "return {0,0,0,'0-0','0-0',{'n', '\\0 10.0.0.1:1 9'}}",
        "return {0,0,0,'0-0','0-0',{'n', 'boot \\0 9'}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        redisReply *reply = redis_server_ask(&server, "EVAL %s 0", replies[i]);
        struct message_sent sent;

        assert_int_equal(message_send_decode(reply, 0, &topic_t, 1, &sent), ERR_OK);
        assert_int_equal(sent.entry_count, 0);
        message_sent_finish(&sent);
        freeReplyObject(reply);
    }
}

static void retry_of_what_is_not_stored_is_told_as_such(void **state)
{
    (void)state;
    join("t", "n1");
    struct message_sent first = send_to("t", "m1", false);
    assert_int_equal(first.entry_count, 1);
    struct message_sent again = send_to("t", "m1", false);
    assert_true(again.duplicate);
    assert_false(again.stored);
    assert_int_equal(again.entry_count, 1); /* for those that are sent with it */
    message_sent_finish(&first);
    message_sent_finish(&again);
}

static void stored_message_has_a_place_in_the_log(void **state)
{
    struct message_id previous = {0, 0};

    (void)state;
    join("t", "n1");
    for (int i = 0; i < 5; i++) {
        struct message_sent sent = send_to("t", "", true);
        assert_true(sent.stored);
        assert_id_equal(sent.prev_id, previous);
        previous = sent.id;
        message_sent_finish(&sent);
    }
    assert_int_equal(redis_server_ask_int(&server, "XLEN %stopic:{t}:log", PREFIX), 3);
    assert_in_range(redis_server_ask_int(&server, "PTTL %stopic:{t}:log", PREFIX), 55000, 60000);
}

static void retry_of_what_is_stored_has_the_first_ones_place(void **state)
{
    (void)state;
    join("t", "n1");
    struct message_sent first = send_to("t", "m1", true);
    struct message_sent again = send_to("t", "m1", true);
    assert_true(again.duplicate && again.stored);
    assert_id_equal(again.id, first.id);
    assert_int_equal(again.entry_count, 1);
    message_sent_finish(&first);
    message_sent_finish(&again);
    assert_int_equal(redis_server_ask_int(&server, "XLEN %stopic:{t}:log", PREFIX), 1);
}

static void other_payload_under_a_message_id_is_a_conflict(void **state)
{
    struct message m = {.message_id = "m1", .target = {.group = "t"}};
    struct message_item item = {.message = &m, .hash = "hash2"};
    struct message_sent other;

    (void)state;
    struct message_sent first = send_to("t", "m1", false);
    send_items(&item, 1, true, &other);
    assert_true(other.conflict);
    message_sent_finish(&first);
    message_sent_finish(&other);
}

/* One of them is stored already, under the same messageId, and one is not to be stored. */
static void several_messages_are_told_of_one_by_one(void **state)
{
    struct message messages[4] = {{.durable = true, .message_id = "m1"}, {.durable = true},
        {.durable = false, .message_id = "m2"}, {.durable = true, .message_id = "m1"}};
    struct message_item items[4] = {{.hash = "hash1"}, {.hash = ""}, {.hash = "h"}, {.hash = "h"}};
    struct message_sent sent[4];

    (void)state;
    join("t", "n1");
    struct message_sent first = send_to("t", "m1", true);
    for (size_t i = 0; i < 4; i++) {
        strcpy(messages[i].target.group, "t");
        buf_init(&messages[i].payload, 100);
        buf_add_str(&messages[i].payload, "{}");
        items[i].message = &messages[i];
    }
    send_items(items, 4, true, sent);
    assert_true(sent[0].duplicate && sent[0].stored);
    assert_id_equal(sent[0].id, first.id);
    assert_true(sent[1].stored && !sent[1].duplicate);
    assert_id_equal(sent[1].prev_id, first.id);
    assert_false(sent[2].stored || sent[2].duplicate || sent[2].conflict);
    assert_true(sent[3].conflict);
    assert_int_equal(sent[3].entry_count, 1);
    assert_string_equal(sent[3].entries[0].node_id, "n1");
    assert_int_equal(redis_server_ask_int(&server, "XLEN %stopic:{t}:log", PREFIX), 2);
    assert_in_range(redis_server_ask_int(&server, "PTTL %stopic:{t}:log", PREFIX), 55000, 60000);
    assert_int_equal(redis_server_ask_int(&server, "DBSIZE"), 4); /* m1, m2; nothing is read */
    for (size_t i = 0; i < 4; i++) {
        message_sent_finish(&sent[i]);
        message_finish(&messages[i]);
    }
    message_sent_finish(&first);
}

static struct topics_fetched fetch_after(const char *after, int64_t entries)
{
    struct topics_fetch f = {.topic = "t",
        .from_now = !*after,
        .limits = {.entries = entries, .bytes = 65536},
        .session_id = session_id("s1")};
    struct topics_fetched fetched;
    struct command c;

    if (*after) {
        f.after = id_of(after);
    }
    command_init(&c);
    topics_fetch_command(&c, PREFIX, &f);
    redisReply *reply = run(&c);
    assert_int_equal(topics_fetch_decode(reply, &fetched), ERR_OK);
    freeReplyObject(reply);
    return fetched;
}

/* How many entries come, and whether nothing is missing before them. */
static size_t comes_after(const char *after, bool recovered)
{
    struct topics_fetched fetched = fetch_after(after, 100);

    assert_int_equal(fetched.recovered, recovered);
    assert_false(fetched.page.more);
    size_t count = fetched.page.count;
    inbox_page_finish(&fetched.page);
    return count;
}

static void log_is_read_from_places_that_it_knows(void **state)
{
    char ids[5][MESSAGE_ID_BYTES];

    (void)state;
    assert_int_equal(comes_after("", true), 0);
    assert_int_equal(comes_after("0-0", true), 0);
    assert_int_equal(comes_after("5-0", false), 0);
    for (int i = 0; i < 5; i++) { /* three are kept */
        struct message_sent sent = send_to("t", "", true);
        (void)message_id_format(sent.id, ids[i]);
        message_sent_finish(&sent);
    }
    assert_int_equal(comes_after("", true), 0);
    assert_int_equal(comes_after(ids[3], true), 1);
    assert_int_equal(comes_after(ids[1], true), 3);
    assert_int_equal(comes_after(ids[0], false), 3);
    assert_int_equal(comes_after("0-0", false), 3);
    assert_int_equal(comes_after("99999999999999-0", false), 0);
    redis_server_do(&server, "XDEL %stopic:{t}:log %s", PREFIX, ids[3]); /* as a failover may */
    assert_int_equal(comes_after(ids[3], false), 1);
    join("t", "n1");
    assert_id_equal(joined.position, id_of(ids[4]));
    join("pc:home", "n1");
    assert_true(message_id_is_zero(joined.position));
}

static void log_comes_in_pages(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct message_sent sent = send_to("t", "", true);
        message_sent_finish(&sent);
    }
    struct topics_fetched fetched = fetch_after("0-0", 2);
    assert_int_equal(fetched.page.count, 2);
    assert_true(fetched.page.more);
    assert_true(message_id_is_zero(fetched.start));
    assert_id_equal(fetched.page.last, fetched.page.entries[1].id);
    inbox_page_finish(&fetched.page);
}

static void strange_replies_are_refused(void **state)
{
    static const char *const wrong[] = {"return 1", "return {}", "return {0,0,0,'0-0','0-0'}",
        "return {0,0,0,'0-0','x',{}}", "return {0,0,0,'0-0','0-0',{'n1'}}"};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        redisReply *reply = redis_server_ask(&server, "EVAL %s 0", wrong[i]);
        struct message_sent sent;

        struct topics_fetched fetched;

        assert_int_equal(message_send_decode(reply, 0, &topic_t, 1, &sent), ERR_INTERNAL);
        assert_int_equal(topics_fetch_decode(reply, &fetched), ERR_INTERNAL);
        assert_int_equal(topics_join_decode(reply, &joined), ERR_INTERNAL);
        freeReplyObject(reply);
    }
}

#define test(name) cmocka_unit_test_setup(name, domain_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(send_is_told_which_nodes_have_members),
        test(nodes_are_told_only_if_they_are_asked_for),
        test(nodes_of_a_group_are_told_without_a_send),
        test(order_to_close_is_told_to_who_joins),
        test(order_that_nobody_may_give_is_none),
        test(group_expires_unless_it_is_joined_again),
        test(node_leaves_only_what_it_said_before),
        test(node_that_did_not_join_in_time_does_not_count),
        test(foreign_fields_are_none),
        test(node_of_a_group_with_a_nul_is_none),
        test(retry_of_what_is_not_stored_is_told_as_such),
        test(stored_message_has_a_place_in_the_log),
        test(retry_of_what_is_stored_has_the_first_ones_place),
        test(other_payload_under_a_message_id_is_a_conflict),
        test(several_messages_are_told_of_one_by_one),
        test(log_is_read_from_places_that_it_knows),
        test(log_comes_in_pages),
        test(strange_replies_are_refused),
    };

    return cmocka_run_group_tests_name("topics", tests, domain_start, domain_stop);
}
