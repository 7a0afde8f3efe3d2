/* What was revoked opens no session and ends those that are there, on a real Redis through the real
 * scripts. */
#include "tests/unit/domain.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/revocation.h"

static struct revocation_done revoke(const char *user_id, const char *token_id, const char *reason)
{
    struct revocation r = {
        .user_id = user_id, .token_id = token_id, .reason = reason, .lifetime_ms = 60000};
    struct revocation_done done;
    struct command c;

    command_init(&c);
    revocation_command(&c, PREFIX, &r);
    redisReply *reply = run(&c);
    assert_int_equal(revocation_decode(reply, clock_wall_ms(), &done), ERR_OK);
    freeReplyObject(reply);
    return done;
}

static void revoke_and_forget(const char *user_id, const char *token_id, const char *reason)
{
    struct revocation_done done = revoke(user_id, token_id, reason);

    free(done.entries);
}

/* What becomes of a session at pc:home:u1 that has this token, or none; true: it was let in. */
static bool opens_with(const struct registry_token *token, char *reason)
{
    struct registry_entry e = session_at("s1", "pc:home:u1");
    struct registry_opened opened = open_as(&(struct registry_open){.entry = &e,
        .ttl_ms = TTL_MS,
        .mode = REGISTRY_ALLOW,
        .token = token,
        .alive = "",
        .last_id = "",
        .limits = {100, 1 << 20}});

    if (opened.verdict == REGISTRY_REVOKED && reason) {
        strcpy(reason, opened.reason);
    }
    registry_opened_finish(&opened);
    return opened.verdict != REGISTRY_REVOKED;
}

static struct registry_token token_of(const char *id, int64_t issued_ms)
{
    return (struct registry_token){.id = id, .issued_ms = issued_ms};
}

static void tokens_issued_before_a_users_revocation_are_refused(void **state)
{
    int64_t now_ms = clock_wall_ms();
    struct registry_token old = token_of("", now_ms - 1000);
    struct registry_token undated = token_of("", 0);
    struct registry_token new = token_of("", now_ms + 10000);
    char reason[CLOSE_REASON_BYTES_MAX + 1] = "x";

    (void)state;
    assert_true(opens_with(&old, NULL));
    revoke_and_forget("u1", "", "logged out");
    assert_false(opens_with(&old, reason));
    assert_string_equal(reason, "logged out");
    assert_false(opens_with(&undated, NULL));
    assert_true(opens_with(&new, NULL));
    assert_true(opens_with(NULL, NULL));
}

static void one_token_is_refused_by_its_id(void **state)
{
    struct registry_token stolen = token_of("t1", 1);
    struct registry_token other = token_of("t2", 1);
    struct registry_token nameless = token_of("", 1);
    char reason[CLOSE_REASON_BYTES_MAX + 1] = "x";

    (void)state;
    revoke_and_forget("u1", "t1", "");
    revoke_and_forget("u1", "all", "");
    assert_false(opens_with(&stolen, reason));
    assert_string_equal(reason, "");
    assert_true(opens_with(&other, NULL));
    assert_true(opens_with(&nameless, NULL));
}

static void other_users_are_not_concerned(void **state)
{
    struct registry_token old = token_of("t1", 1);

    (void)state;
    revoke_and_forget("u2", "", "");
    revoke_and_forget("u2", "t1", "");
    assert_true(opens_with(&old, NULL));
}

static void a_refused_session_is_not_registered(void **state)
{
    struct registry_token old = token_of("t1", 1);

    (void)state;
    revoke_and_forget("u1", "t1", "");
    assert_false(opens_with(&old, NULL));
    assert_int_equal(sessions_of("u1"), 0);
}

static void refresh_tells_a_live_session(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:u1");
    struct registry_token old = token_of("t1", 1);
    struct registry_refreshed refreshed;
    struct command c;

    (void)state;
    enter(&e);
    revoke_and_forget("u1", "t1", "stolen");
    command_init(&c);
    registry_refresh_command(&c, PREFIX, &e, TTL_MS, REGISTRY_ALLOW, &old);
    redisReply *reply = run(&c);
    assert_int_equal(registry_refresh_decode(reply, &refreshed), ERR_OK);
    freeReplyObject(reply);
    assert_true(refreshed.revoked);
    assert_string_equal(refreshed.reason, "stolen");
    assert_false(refresh(&e, REGISTRY_ALLOW).revoked); /* a session without a token */
}

static void the_caller_learns_which_sessions_the_user_has(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:u1");
    int64_t now_ms = clock_wall_ms();

    (void)state;
    enter(&e);
    struct revocation_done done = revoke("u1", "", "");
    assert_int_equal(done.entry_count, 1);
    assert_string_equal(done.entries[0].session_id, e.session_id);
    assert_in_range(done.until_ms, now_ms + 59000, now_ms + 65000);
    free(done.entries);
}

static redisReply *ask(const char *verb)
{
    struct command c;

    command_init(&c);
    command_add_str(&c, verb);
    command_add_str(&c, PREFIX "{u1}:revoked");
    return run(&c);
}

static void revocations_are_forgotten_when_they_are_moot(void **state)
{
    struct command c;

    (void)state;
    command_init(&c);
    command_add_str(&c, "HSET");
    command_add_str(&c, PREFIX "{u1}:revoked");
    command_add_str(&c, "id old");
    command_add_str(&c, "1000 ");
    (void)run_int(&c);
    revoke_and_forget("u1", "t1", "");
    redisReply *length = ask("HLEN");
    redisReply *left = ask("PTTL");
    assert_int_equal(length->integer, 1);
    assert_in_range(left->integer, 50000, 60000);
    freeReplyObject(length);
    freeReplyObject(left);
}

#define TEST(name) cmocka_unit_test_setup(name, domain_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tokens_issued_before_a_users_revocation_are_refused),
        TEST(one_token_is_refused_by_its_id),
        TEST(other_users_are_not_concerned),
        TEST(a_refused_session_is_not_registered),
        TEST(refresh_tells_a_live_session),
        TEST(the_caller_learns_which_sessions_the_user_has),
        TEST(revocations_are_forgotten_when_they_are_moot),
    };

    return cmocka_run_group_tests(tests, domain_start, domain_stop);
}
