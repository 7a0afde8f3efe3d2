/* The registry on a real Redis: who may touch which entry, and what a new session is told. */
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "tests/unit/domain.h"

static int close_session(const struct registry_entry *e)
{
    struct command c;

    command_init(&c);
    registry_close_command(&c, PREFIX, e->address.user_id, e->session_id, e->node_id, e->boot);
    return (int)run_int(&c);
}

static void open_registers_with_expiry(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:u1");
    struct registry_opened opened = open_session(&e, "");
    long long ttl_ms = redis_server_ask_int(&server, "PTTL %s", PREFIX "{u1}");

    (void)state;
    assert_int_equal(opened.verdict, REGISTRY_OPENED);
    assert_true(opened.recovered);
    assert_true(message_id_is_zero(opened.position));
    assert_int_equal(opened.page.count, 0);
    assert_int_equal(sessions_of("u1"), 1);
    assert_true(ttl_ms > TTL_MS - 5000 && ttl_ms <= TTL_MS);
    registry_opened_finish(&opened);
}

static void close_removes_only_its_own_entry(void **state)
{
    struct registry_entry mine = session_at("s1", "pc:home:u1");
    struct registry_entry other = session_at("s2", "pc:home:u1");

    (void)state;
    enter(&mine);
    enter(&other);
    assert_int_equal(close_session(&mine), 1);
    assert_int_equal(close_session(&mine), 0);
    assert_int_equal(sessions_of("u1"), 1);
}

static void late_close_of_an_old_boot_or_another_node_removes_nothing(void **state)
{
    struct registry_entry now = session_at("s1", "pc:home:u1");
    struct registry_entry old_boot = now, other_node = now;

    (void)state;
    enter(&now);
    memcpy(old_boot.boot, "boot0", sizeof("boot0"));
    memcpy(other_node.node_id, "n2", sizeof("n2"));
    assert_int_equal(close_session(&old_boot), 0);
    assert_int_equal(close_session(&other_node), 0);
    assert_int_equal(sessions_of("u1"), 1);
}

static void ghost_that_was_refreshed_meanwhile_stays(void **state)
{
    struct registry_entry met = session_at("s1", "pc:home:u1"), refreshed = met;
    struct command c;

    (void)state;
    refreshed.until_ms = met.until_ms + 1;
    enter(&refreshed);
    command_init(&c);
    registry_remove_ghost_command(&c, PREFIX, &met);
    assert_int_equal(run_int(&c), 0);
    command_init(&c);
    registry_remove_ghost_command(&c, PREFIX, &refreshed);
    assert_int_equal(run_int(&c), 1);
}

static void close_survives_foreign_values(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:u1");
    static const char *const foreign[] = {"5", "no json", "[]", "null", "{\"node\":1}"};

    (void)state;
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        redis_server_do(&server, "HSET %s %s %s", PREFIX "{u1}", e.session_id, foreign[i]);
        assert_int_equal(close_session(&e), 0);
    }
}

static void lookup_leaves_out_what_is_expired_or_foreign(void **state)
{
    struct registry_entry live = session_at("s1", "pc:home:u1");
    struct registry_entry expired = session_at("s2", "pc:home:u1");

    (void)state;
    expired.until_ms = clock_wall_ms() - 1;
    enter(&live);
    enter(&expired);
    redis_server_do(&server, "HSET %s %s %s", PREFIX "{u1}", session_id("s3"), "no json");
    redis_server_do(&server, "HSET %s %s %s", PREFIX "{u1}", "no session id", "{}");
    assert_int_equal(sessions_of("u1"), 1);
}

static void refresh_writes_again_what_redis_lost(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:u1");

    (void)state;
    enter(&e);
    redis_server_do(&server, "FLUSHALL");
    assert_false(refresh(&e, REGISTRY_ALLOW).replaced);
    assert_int_equal(sessions_of("u1"), 1);
    assert_true(redis_server_ask_int(&server, "PTTL %s", PREFIX "{u1}") > TTL_MS - 5000);
}

static void refresh_tells_the_inbox_position(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:u1");
    struct message_id id;

    (void)state;
    enter(&e);
    assert_true(message_id_is_zero(refresh(&e, REGISTRY_ALLOW).position));
    id = send_and_forget("{\"userId\":\"u1\",\"json\":1}");
    assert_id_equal(refresh(&e, REGISTRY_ALLOW).position, id);
}

static void refresh_removes_expired_and_foreign_entries_of_others(void **state)
{
    struct registry_entry live = session_at("s1", "pc:home:u1");
    struct registry_entry expired = session_at("s2", "pc:home:u1");

    (void)state;
    expired.until_ms = clock_wall_ms() - 1;
    enter(&live);
    enter(&expired);
    redis_server_do(&server, "HSET %s %s %s", PREFIX "{u1}", session_id("s3"), "[]");
    redis_server_do(&server, "HSET %s %s %s", PREFIX "{u1}", session_id("s4"), "{\"until\":\"x\"}");
    assert_false(refresh(&live, REGISTRY_REPLACE).replaced);
    assert_int_equal(redis_server_ask_int(&server, "HLEN %s", PREFIX "{u1}"), 1);
}

/* Values that somebody else may have written: scalars, which Lua cannot index, and tables without
 * members. */
static void add_foreign_values(void)
{
    static const char *const foreign[] = {"5", "true", "null", "\"text\"", "[]", "{}", "no json"};

    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        redis_server_do(&server, "HSET %s foreign%d %s", PREFIX "{u1}", (int)i, foreign[i]);
    }
}

static void open_passes_over_foreign_values(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:u1");
    struct registry_opened opened;

    (void)state;
    add_foreign_values();
    opened = open_as(
        &(struct registry_open){&e, TTL_MS, REGISTRY_REJECT, "", "", {100, 1 << 20}, 0, 0, NULL});
    assert_int_equal(opened.verdict, REGISTRY_OPENED);
    assert_int_equal(opened.duplicate_count, 0);
    registry_opened_finish(&opened);
}

static void refresh_removes_foreign_values(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:u1");

    (void)state;
    add_foreign_values();
    assert_false(refresh(&e, REGISTRY_REPLACE).replaced);
    assert_int_equal(redis_server_ask_int(&server, "HLEN %s", PREFIX "{u1}"), 1);
}

/* Opens a second session of the same key next to one of node "n2". */
static struct registry_opened open_second(enum on_duplicate_mode mode, const char *alive)
{
    struct registry_entry older = session_at("s1", "pc:home:u1");
    struct registry_entry newer = session_at("s2", "pc:home:u1");

    memcpy(older.node_id, "n2", sizeof("n2"));
    memcpy(older.boot, "boot2", sizeof("boot2"));
    enter(&older);
    return open_as(&(struct registry_open){.entry = &newer,
        .ttl_ms = TTL_MS,
        .mode = mode,
        .alive = alive,
        .last_id = "",
        .limits = {100, 1 << 20}});
}

static void duplicates_are_allowed_and_not_told(void **state)
{
    struct registry_opened opened = open_second(REGISTRY_ALLOW, "n2 boot2\n");

    (void)state;
    assert_int_equal(opened.verdict, REGISTRY_OPENED);
    assert_int_equal(opened.duplicate_count, 0);
    assert_int_equal(sessions_of("u1"), 2);
    registry_opened_finish(&opened);
}

static void duplicates_are_told_with_notify(void **state)
{
    struct registry_opened opened = open_second(REGISTRY_NOTIFY, "n2 boot2\n");

    (void)state;
    assert_int_equal(opened.verdict, REGISTRY_OPENED);
    assert_int_equal(opened.duplicate_count, 1);
    assert_string_equal(opened.duplicates[0].session_id, session_id("s1"));
    assert_string_equal(opened.duplicates[0].node_id, "n2");
    assert_int_equal(sessions_of("u1"), 2);
    registry_opened_finish(&opened);
}

static void duplicates_are_removed_with_replace(void **state)
{
    struct registry_opened opened = open_second(REGISTRY_REPLACE, "n2 boot2\n");

    (void)state;
    assert_int_equal(opened.duplicate_count, 1);
    assert_int_equal(sessions_of("u1"), 1);
    registry_opened_finish(&opened);
}

static void newer_session_is_refused_with_reject(void **state)
{
    struct registry_opened opened = open_second(REGISTRY_REJECT, "n2 boot2\n");
    redisReply *reply;

    (void)state;
    assert_int_equal(opened.verdict, REGISTRY_IS_DUPLICATE);
    assert_int_equal(sessions_of("u1"), 1);
    reply = redis_server_ask(&server, "HGET %s %s", PREFIX "{u1}", session_id("s2"));
    assert_int_equal(reply->type, REDIS_REPLY_NIL);
    freeReplyObject(reply);
    registry_opened_finish(&opened);
}

static void duplicates_of_dead_nodes_and_old_boots_dont_count(void **state)
{
    static const char *const alive[] = {"", "n2 boot3\n", "n3 boot2\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(alive) / sizeof(alive[0]); i++) {
        struct registry_opened opened = open_second(REGISTRY_REJECT, alive[i]);

        assert_int_equal(opened.verdict, REGISTRY_OPENED);
        assert_int_equal(opened.duplicate_count, 0);
        registry_opened_finish(&opened);
        redis_server_do(&server, "FLUSHALL");
    }
}

static void own_node_counts_as_alive_without_being_listed(void **state)
{
    struct registry_entry older = session_at("s1", "pc:home:u1");
    struct registry_entry newer = session_at("s2", "pc:home:u1");
    struct registry_opened opened;

    (void)state;
    enter(&older);
    opened = open_as(&(struct registry_open){
        &newer, TTL_MS, REGISTRY_REJECT, "", "", {100, 1 << 20}, 0, 0, NULL});
    assert_int_equal(opened.verdict, REGISTRY_IS_DUPLICATE);
    registry_opened_finish(&opened);
}

static void another_page_is_no_duplicate(void **state)
{
    struct registry_entry older = session_at("s1", "pc:home:u1");
    struct registry_entry newer = session_at("s2", "pc:shop:u1");
    struct registry_opened opened;

    (void)state;
    enter(&older);
    opened = open_as(&(struct registry_open){
        &newer, TTL_MS, REGISTRY_REJECT, "", "", {100, 1 << 20}, 0, 0, NULL});
    assert_int_equal(opened.verdict, REGISTRY_OPENED);
    registry_opened_finish(&opened);
}

static enum registry_verdict open_limited(
    const char *name, const char *key, enum on_duplicate_mode mode, int of_user, int of_key)
{
    struct registry_entry e = session_at(name, key);
    struct registry_opened opened = open_as(&(struct registry_open){.entry = &e,
        .ttl_ms = TTL_MS,
        .mode = mode,
        .alive = "n2 boot2\n",
        .last_id = "",
        .limits = {100, 1 << 20},
        .max_of_user = of_user,
        .max_of_key = of_key});

    registry_opened_finish(&opened);
    return opened.verdict;
}

/* A session of a node that lives, or lived, elsewhere. */
static void enter_elsewhere(const char *name, const char *node_id, const char *boot)
{
    struct registry_entry e = session_at(name, "app:home:u1");

    (void)snprintf(e.node_id, sizeof(e.node_id), "%s", node_id);
    (void)snprintf(e.boot, sizeof(e.boot), "%s", boot);
    enter(&e);
}

static void user_may_have_so_many_sessions_and_no_more(void **state)
{
    (void)state;
    enter_elsewhere("s0", "n2", "boot2");
    assert_int_equal(open_limited("s1", "pc:home:u1", REGISTRY_ALLOW, 3, 0), REGISTRY_OPENED);
    assert_int_equal(open_limited("s2", "pc:shop:u1", REGISTRY_NOTIFY, 3, 0), REGISTRY_OPENED);
    assert_int_equal(
        open_limited("s3", "pc:home:u1", REGISTRY_ALLOW, 3, 0), REGISTRY_TOO_MANY_OF_USER);
    assert_int_equal(open_limited("s3", "pc:home:u2", REGISTRY_ALLOW, 3, 0), REGISTRY_OPENED);
    assert_int_equal(sessions_of("u1"), 3);
}

static void key_may_have_so_many_sessions_and_no_more(void **state)
{
    (void)state;
    enter_elsewhere("s0", "n2", "boot2");
    assert_int_equal(open_limited("s1", "pc:home:u1", REGISTRY_ALLOW, 0, 2), REGISTRY_OPENED);
    assert_int_equal(open_limited("s2", "pc:home:u1", REGISTRY_ALLOW, 0, 2), REGISTRY_OPENED);
    assert_int_equal(
        open_limited("s3", "pc:home:u1", REGISTRY_ALLOW, 0, 2), REGISTRY_TOO_MANY_OF_KEY);
    assert_int_equal(open_limited("s3", "app:home:u1", REGISTRY_ALLOW, 0, 2), REGISTRY_OPENED);
    assert_int_equal(sessions_of("u1"), 4);
}

static void session_that_asks_again_does_not_count_itself(void **state)
{
    (void)state;
    assert_int_equal(open_limited("s1", "pc:home:u1", REGISTRY_ALLOW, 1, 1), REGISTRY_OPENED);
    assert_int_equal(open_limited("s1", "pc:home:u1", REGISTRY_ALLOW, 1, 1), REGISTRY_OPENED);
}

static void sessions_of_dead_nodes_lock_nobody_out(void **state)
{
    (void)state;
    enter_elsewhere("s1", "n2", "boot1");
    enter_elsewhere("s2", "n3", "boot2");
    assert_int_equal(open_limited("s3", "pc:home:u1", REGISTRY_ALLOW, 1, 1), REGISTRY_OPENED);
}

static void sessions_that_are_replaced_make_room(void **state)
{
    (void)state;
    assert_int_equal(open_limited("s1", "pc:home:u1", REGISTRY_REPLACE, 2, 1), REGISTRY_OPENED);
    enter_elsewhere("s2", "n2", "boot2");
    assert_int_equal(open_limited("s3", "pc:home:u1", REGISTRY_REPLACE, 2, 1), REGISTRY_OPENED);
    assert_int_equal(sessions_of("u1"), 2);
    assert_int_equal(
        open_limited("s4", "pc:shop:u1", REGISTRY_REPLACE, 2, 1), REGISTRY_TOO_MANY_OF_USER);
    assert_int_equal(sessions_of("u1"), 2);
}

static void refresh_tells_the_older_session_that_it_was_replaced(void **state)
{
    struct registry_entry older = session_at("s1", "pc:home:u1");
    struct registry_entry newer = session_at("s2", "pc:home:u1");

    (void)state;
    newer.since_ms = older.since_ms + 1;
    enter(&newer); /* the hint to the older one's node is lost */
    assert_true(refresh(&older, REGISTRY_REPLACE).replaced);
    assert_int_equal(sessions_of("u1"), 1);
    assert_false(refresh(&newer, REGISTRY_REPLACE).replaced);
    assert_false(refresh(&older, REGISTRY_NOTIFY).replaced);
}

static void exactly_one_of_two_sessions_of_one_millisecond_is_replaced(void **state)
{
    struct registry_entry one = session_at("s1", "pc:home:u1");
    struct registry_entry two = session_at("s2", "pc:home:u1");

    (void)state;
    two.since_ms = one.since_ms;
    enter(&one);
    enter(&two);
    assert_int_equal(
        refresh(&one, REGISTRY_REPLACE).replaced + refresh(&two, REGISTRY_REPLACE).replaced, 1);
}

/* Every decoder on one reply that is not its own. */
static void expect_refused(const redisReply *reply)
{
    struct registry_opened opened;
    struct registry_refreshed refreshed;
    struct registry_entry *entries;
    struct inbox_fetched fetched;
    struct message_sent sent;
    struct node_info *nodes;
    size_t count;

    assert_int_equal(registry_open_decode(reply, &opened), ERR_INTERNAL);
    assert_int_equal(registry_refresh_decode(reply, &refreshed), ERR_INTERNAL);
    assert_int_equal(registry_entries_decode(reply, 0, &entries, &count), ERR_INTERNAL);
    assert_int_equal(inbox_fetch_decode(reply, &fetched), ERR_INTERNAL);
    assert_int_equal(message_send_decode(reply, 0, &(struct target){0}, 1, &sent), ERR_INTERNAL);
    assert_int_equal(nodes_list_decode(reply, &nodes, &count), ERR_INTERNAL);
}

static void decoders_survive_replies_of_any_shape(void **state)
{
    static const char *const scripts[] = {"return 1", "return 'x'", "return {1}", "return {1,{},1}",
        "return {0,{'a'},{},{},{}}", "return {0,0,0,'x','y',{},0}", "return {{},{},{}}",
        "return {0,{},'0-0','x',2,3,{1,'0-0'},{},'0-0',0}", "return {0,{'1-1'},'1-1',0}",
        "return {0,{'x','y'},'1-1',0}", "return {'a',1,'b'}", "return {'a'}"};

    (void)state;
    expect_refused(NULL);
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        redisReply *reply = redis_server_ask(&server, "EVAL %s 0", scripts[i]);

        expect_refused(reply);
        freeReplyObject(reply);
    }
}

/* open's reply, cut after each of its elements. */
static void open_decoder_survives_truncation(void **state)
{
    redisReply *reply = redis_server_ask(&server, "EVAL %s 0",
        "return {0,{},'1-1',1,2,3,'0-0',{1,'0-0','0-0','0-0','0-0','0-0','0-0'},{'1-1','{}'},"
        "'1-1',0,'0-0',0,{'* t','1'}}");
    size_t whole = reply->elements;
    struct registry_opened opened;

    (void)state;
    assert_int_equal(registry_open_decode(reply, &opened), ERR_OK);
    registry_opened_finish(&opened);
    for (reply->elements = 0; reply->elements < whole; reply->elements++) {
        assert_int_equal(registry_open_decode(reply, &opened), ERR_INTERNAL);
    }
    freeReplyObject(reply);
}

#define TEST(name) cmocka_unit_test_setup(name, domain_empty)

/* Orders the end of what a target means. */
static void dismiss(const struct target *t, uint16_t code, const char *reason)
{
    struct dismissal how = {.code = code};
    struct command c;

    strcpy(how.reason, reason);
    command_init(&c);
    registry_dismiss_command(&c, PREFIX, t, &how);
    freeReplyObject(run(&c));
}

static uint16_t code_for(const struct registry_entry *e)
{
    return refresh(e, REGISTRY_ALLOW).dismissal.code;
}

static void dismissed_session_learns_it_by_its_refresh(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:u1");

    (void)state;
    enter(&e);
    assert_int_equal(code_for(&e), 0);
    dismiss(&(struct target){.user_id = "u1"}, 4003, "two words");
    struct registry_refreshed refreshed = refresh(&e, REGISTRY_ALLOW);
    assert_int_equal(refreshed.dismissal.code, 4003);
    assert_string_equal(refreshed.dismissal.reason, "two words");
    dismiss(&(struct target){.user_id = "u1"}, 4010, "");
    assert_string_equal(refresh(&e, REGISTRY_ALLOW).dismissal.reason, "");
}

static void only_the_sessions_that_are_meant_are_dismissed(void **state)
{
    struct registry_entry home = session_at("s1", "pc:home:u1");
    struct registry_entry shop = session_at("s2", "pc:shop:u1");
    struct registry_entry app = session_at("s3", "app:home:u1");
    struct target session = {.user_id = "u1"};

    (void)state;
    enter(&home);
    enter(&shop);
    enter(&app);
    memcpy(session.session_id, app.session_id, sizeof(session.session_id));
    dismiss(&session, 4001, "");
    assert_int_equal(code_for(&home) + code_for(&shop), 0);
    assert_int_equal(code_for(&app), 4001);
    memcpy(session.session_id, shop.session_id, sizeof(session.session_id));
    strcpy(session.server_client, "app");
    dismiss(&session, 4005, ""); /* it is elsewhere */
    assert_int_equal(code_for(&shop), 0);
    memcpy(session.session_id, app.session_id, sizeof(session.session_id));
    strcpy(session.server_client, "pc");
    dismiss(&session, 4005, ""); /* takes nothing back either */
    assert_int_equal(code_for(&app), 4001);
    dismiss(&(struct target){.user_id = "u1", .server_client = "pc", .page = "shop"}, 4002, "");
    assert_int_equal(code_for(&home), 0);
    assert_int_equal(code_for(&shop), 4002);
    dismiss(&(struct target){.user_id = "u1", .server_client = "pc"}, 4003, "");
    assert_int_equal(code_for(&home), 4003);
    assert_int_equal(code_for(&app), 4001);
}

static void session_that_opens_later_is_not_dismissed(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:u1");

    (void)state;
    dismiss(&(struct target){.user_id = "u1"}, 4003, "");
    e.since_ms = 1; /* by the clock of its node */
    enter(&e);
    assert_int_equal(code_for(&e), 0);
}

static void session_whose_entry_was_taken_for_a_ghost_is_dismissed_all_the_same(void **state)
{
    struct registry_entry before = session_at("s1", "pc:home:u1");
    struct registry_entry after = session_at("s2", "pc:home:u1");

    (void)state;
    enter(&before);
    assert_int_equal(close_session(&before), 1);
    dismiss(&(struct target){.user_id = "u1", .server_client = "pc"}, 4003, "");
    after.since_ms = clock_wall_ms() + 60000;
    assert_int_equal(code_for(&after), 0); /* Redis lost its entry; it is newer than the order */
    assert_int_equal(code_for(&before), 4003);
    assert_int_equal(
        redis_server_ask_int(&server, "HEXISTS %s{u1} %s", PREFIX, before.session_id), 0);
}

static void order_expires(void **state)
{
    (void)state;
    dismiss(&(struct target){.user_id = "u1"}, 4003, "");
    long long left_ms = redis_server_ask_int(&server, "PTTL %s{u1}:close", PREFIX);
    assert_true(left_ms > DISMISSAL_TTL_MS - 60000 && left_ms <= DISMISSAL_TTL_MS);
}

static void order_that_nobody_may_send_is_none(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:u1");

    (void)state;
    enter(&e);
    dismiss(&(struct target){.user_id = "u1"}, 1005, "");
    assert_int_equal(code_for(&e), 0);
    redis_server_do(&server, "HSET %s{u1}:close %s nonsense * nonsense", PREFIX, e.session_id);
    assert_int_equal(code_for(&e), 0);
    assert_int_equal(close_session(&e), 1);
    assert_int_equal(code_for(&e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dismissed_session_learns_it_by_its_refresh),
        TEST(only_the_sessions_that_are_meant_are_dismissed),
        TEST(session_that_opens_later_is_not_dismissed),
        TEST(session_whose_entry_was_taken_for_a_ghost_is_dismissed_all_the_same),
        TEST(order_expires),
        TEST(order_that_nobody_may_send_is_none),
        TEST(open_registers_with_expiry),
        TEST(close_removes_only_its_own_entry),
        TEST(late_close_of_an_old_boot_or_another_node_removes_nothing),
        TEST(ghost_that_was_refreshed_meanwhile_stays),
        TEST(close_survives_foreign_values),
        TEST(lookup_leaves_out_what_is_expired_or_foreign),
        TEST(refresh_writes_again_what_redis_lost),
        TEST(refresh_tells_the_inbox_position),
        TEST(refresh_removes_expired_and_foreign_entries_of_others),
        TEST(open_passes_over_foreign_values),
        TEST(refresh_removes_foreign_values),
        TEST(duplicates_are_allowed_and_not_told),
        TEST(duplicates_are_told_with_notify),
        TEST(duplicates_are_removed_with_replace),
        TEST(newer_session_is_refused_with_reject),
        TEST(duplicates_of_dead_nodes_and_old_boots_dont_count),
        TEST(own_node_counts_as_alive_without_being_listed),
        TEST(another_page_is_no_duplicate),
        TEST(user_may_have_so_many_sessions_and_no_more),
        TEST(key_may_have_so_many_sessions_and_no_more),
        TEST(session_that_asks_again_does_not_count_itself),
        TEST(sessions_of_dead_nodes_lock_nobody_out),
        TEST(sessions_that_are_replaced_make_room),
        TEST(refresh_tells_the_older_session_that_it_was_replaced),
        TEST(exactly_one_of_two_sessions_of_one_millisecond_is_replaced),
        TEST(decoders_survive_replies_of_any_shape),
        TEST(open_decoder_survives_truncation),
    };

    return cmocka_run_group_tests(tests, domain_start, domain_stop);
}
