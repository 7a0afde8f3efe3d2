/* What the backend's answers mean, and how long they are remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wsnode/hook_cache.h"

#define NOW_MS 1700000000000

static struct hook_answer read_answer(int status, const char *body)
{
    struct hook_answer answer;

    hook_answer_read(
        &(struct http_reply){.status = status, .body = slice_of(body), .why = "refused"}, NOW_MS,
        &answer);
    return answer;
}

static void success_admits_and_everything_else_refuses(void **state)
{
    static const struct {
        int status;
        enum err err;
    } cases[] = {{200, ERR_OK}, {204, ERR_OK}, {299, ERR_OK}, {100, ERR_HOOK_REFUSED},
        {199, ERR_HOOK_REFUSED}, {300, ERR_HOOK_REFUSED}, {302, ERR_HOOK_REFUSED},
        {400, ERR_HOOK_REFUSED}, {401, ERR_HOOK_REFUSED}, {403, ERR_HOOK_REFUSED},
        {429, ERR_HOOK_AWAY}, {499, ERR_HOOK_REFUSED}, {500, ERR_HOOK_AWAY}, {503, ERR_HOOK_AWAY},
        {0, ERR_HOOK_AWAY}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(read_answer(cases[i].status, "").err, cases[i].err);
    }
}

static void body_may_say_until_when_and_which_topics(void **state)
{
    (void)state;
    struct hook_answer plain = read_answer(200, "{\"code\":0,\"msg\":\"ok\"}");
    assert_int_equal(plain.err, ERR_OK);
    assert_int_equal(plain.token.expires_ms, 0);
    assert_int_equal(plain.token.issued_ms, NOW_MS);
    assert_false(plain.token.has_topics);

    struct hook_answer narrowed = read_answer(200, "{\"expiresIn\":60,\"topics\":[\"a\",\"b/*\"]}");
    assert_int_equal(narrowed.err, ERR_OK);
    assert_int_equal(narrowed.token.expires_ms, NOW_MS + 60000);
    assert_true(narrowed.token.has_topics);
    assert_string_equal(narrowed.token.topics, "a\nb/*\n");
}

static void body_that_is_not_understood_admits_nobody(void **state)
{
    static const char *const bodies[] = {"ok", "[]", "{", "{\"topics\":\"a\"}", "{\"topics\":[1]}",
        "{\"expiresIn\":0}", "{\"expiresIn\":\"60\"}", "{\"expiresIn\":1e99}"};

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        assert_int_equal(read_answer(200, bodies[i]).err, ERR_HOOK_AWAY);
    }
}

static const unsigned char *digest(unsigned number)
{
    static unsigned char bytes[HOOK_DIGEST_BYTES];

    memcpy(bytes, &number, sizeof(number));
    return bytes;
}

static void answers_are_remembered_for_their_time(void **state)
{
    struct hook_answer admitted = {.err = ERR_OK};
    struct hook_answer refused = {.err = ERR_HOOK_REFUSED};
    struct hook_cache c;

    (void)state;
    hook_cache_init(&c, 1000);
    hook_cache_put(&c, digest(1), &admitted, 0);
    hook_cache_put(&c, digest(2), &refused, 500);
    assert_int_equal(hook_cache_find(&c, digest(1), 999)->err, ERR_OK);
    assert_null(hook_cache_find(&c, digest(1), 1000));
    assert_int_equal(hook_cache_find(&c, digest(2), 1000)->err, ERR_HOOK_REFUSED);
    hook_cache_put(&c, digest(2), &admitted, 1200);
    assert_int_equal(hook_cache_find(&c, digest(2), 2199)->err, ERR_OK);
    hook_cache_finish(&c);
}

static void nothing_is_remembered_for_no_time(void **state)
{
    struct hook_answer admitted = {.err = ERR_OK};
    struct hook_cache c;

    (void)state;
    hook_cache_init(&c, 0);
    hook_cache_put(&c, digest(1), &admitted, 0);
    assert_null(hook_cache_find(&c, digest(1), 0));
    hook_cache_finish(&c);
}

static void oldest_answers_make_room(void **state)
{
    struct hook_answer admitted = {.err = ERR_OK};
    struct hook_cache c;

    (void)state;
    hook_cache_init(&c, 1000);
    for (unsigned i = 0; i <= HOOK_CACHE_MAX; i++) {
        hook_cache_put(&c, digest(i), &admitted, 0);
    }
    assert_int_equal(c.ages.count, HOOK_CACHE_MAX);
    assert_null(hook_cache_find(&c, digest(0), 1));
    assert_non_null(hook_cache_find(&c, digest(1), 1));
    assert_non_null(hook_cache_find(&c, digest(HOOK_CACHE_MAX), 1));
    hook_cache_finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success_admits_and_everything_else_refuses),
        cmocka_unit_test(body_may_say_until_when_and_which_topics),
        cmocka_unit_test(body_that_is_not_understood_admits_nobody),
        cmocka_unit_test(answers_are_remembered_for_their_time),
        cmocka_unit_test(nothing_is_remembered_for_no_time),
        cmocka_unit_test(oldest_answers_make_room),
    };
    return cmocka_run_group_tests_name("hook_answer", tests, NULL, NULL);
}
