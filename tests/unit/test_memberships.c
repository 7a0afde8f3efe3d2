/* Topics that the backend chose for a user, on a real Redis. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/memberships.h"
#include "tests/unit/domain.h"

static struct memberships_changed change(bool adds, const char *server_client, const char *topic)
{
    struct memberships_change what = {.target = {.user_id = "u1"}, .adds = adds, .count = 1};
    struct memberships_changed changed;
    struct command c;

    snprintf(what.target.server_client, sizeof(what.target.server_client), "%s", server_client);
    snprintf(what.topics[0], sizeof(what.topics[0]), "%s", topic);
    command_init(&c);
    memberships_change_command(&c, PREFIX, &what, 3);
    redisReply *reply = run(&c);
    assert_int_equal(memberships_change_decode(reply, clock_wall_ms(), &changed), ERR_OK);
    freeReplyObject(reply);
    return changed;
}

/* Whether anything was changed. */
static bool changes(bool adds, const char *server_client, const char *topic)
{
    struct memberships_changed changed = change(adds, server_client, topic);

    assert_false(changed.too_many);
    free(changed.sessions);
    return changed.changed == 1;
}

static struct memberships load(void)
{
    struct memberships m;
    struct command c;

    command_init(&c);
    memberships_command(&c, PREFIX, "u1");
    redisReply *reply = run(&c);
    assert_int_equal(memberships_decode(reply, &m), ERR_OK);
    freeReplyObject(reply);
    return m;
}

static int64_t version(void)
{
    struct memberships m = load();

    memberships_finish(&m);
    return m.version;
}

static void memberships_are_what_was_asked_for(void **state)
{
    static const struct address home = {"pc", "home", "u1"}, tv = {"tv", "home", "u1"};

    (void)state;
    assert_int_equal(version(), 0);
    assert_true(changes(true, "", "news/a"));
    assert_true(changes(true, "pc", "news/b"));
    struct memberships m = load();
    assert_int_equal(m.count, 2);
    for (size_t i = 0; i < 2; i++) {
        bool is_for_all = strcmp(m.items[i].topic, "news/a") == 0;
        assert_string_equal(m.items[i].narrowing, is_for_all ? "*" : "pc");
        assert_true(membership_is_for(&m.items[i], &home));
        assert_int_equal(membership_is_for(&m.items[i], &tv), is_for_all);
    }
    memberships_finish(&m);
}

static void each_change_has_a_later_version_and_nothing_else_has(void **state)
{
    (void)state;
    assert_true(changes(true, "", "a"));
    int64_t first = version();
    assert_false(changes(true, "", "a"));
    assert_int_equal(version(), first);
    assert_true(changes(false, "", "a"));
    int64_t second = version();
    assert_true(second > first);
    assert_false(changes(false, "", "a"));
    assert_true(redis_server_ask_int(&server, "PTTL %s{u1}:topics", PREFIX) > 0);
    assert_true(changes(true, "", "b"));
    assert_true(version() > second);
    assert_int_equal(redis_server_ask_int(&server, "PTTL %s{u1}:topics", PREFIX), -1);
}

static void one_more_than_the_most_changes_nothing(void **state)
{
    (void)state;
    assert_true(changes(true, "", "a") && changes(true, "", "b") && changes(true, "pc", "a"));
    struct memberships_changed changed = change(true, "", "c");
    assert_true(changed.too_many);
    assert_int_equal(changed.total, 3);
    free(changed.sessions);
    struct memberships m = load();
    assert_int_equal(m.count, 3);
    memberships_finish(&m);
}

static void change_tells_where_the_users_sessions_are(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:u1");

    (void)state;
    enter(&e);
    struct memberships_changed changed = change(true, "", "a");
    assert_int_equal(changed.session_count, 1);
    assert_string_equal(changed.sessions[0].node_id, "n1");
    free(changed.sessions);
    changed = change(true, "", "a"); /* a retry, whose first answer may have been lost */
    assert_int_equal(changed.changed, 0);
    assert_int_equal(changed.session_count, 1);
    free(changed.sessions);
}

static void open_and_refresh_tell_sessions(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:u1");

    (void)state;
    assert_true(changes(true, "", "a"));
    struct registry_opened opened = open_session(&e, "");
    assert_int_equal(opened.memberships.count, 1);
    assert_string_equal(opened.memberships.items[0].topic, "a");
    assert_int_equal(opened.memberships.version, version());
    registry_opened_finish(&opened);
    assert_true(changes(true, "", "b"));
    assert_int_equal(refresh(&e, REGISTRY_ALLOW).memberships_version, version());
}

static void foreign_fields_are_left_out(void **state)
{
    (void)state;
    redis_server_do(
        &server, "HSET %s{u1}:topics nospace 1 *%b 1 version x", PREFIX, " ", (size_t)1);
    struct memberships m = load();
    assert_int_equal(m.count, 0);
    assert_int_equal(m.version, 0);
    memberships_finish(&m);
}

#define test(name) cmocka_unit_test_setup(name, domain_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(memberships_are_what_was_asked_for),
        test(each_change_has_a_later_version_and_nothing_else_has),
        test(one_more_than_the_most_changes_nothing),
        test(change_tells_where_the_users_sessions_are),
        test(open_and_refresh_tell_sessions),
        test(foreign_fields_are_left_out),
    };

    return cmocka_run_group_tests_name("memberships", tests, domain_start, domain_stop);
}
