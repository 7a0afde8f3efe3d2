/* What an answer to a batch means for each of its messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "wsctl/send_answer.h"

#define COUNT_MAX 4

struct reading {
    enum send_result result;
    struct fate fates[COUNT_MAX];
};

static struct reading read_answer(int status, const char *body, size_t count)
{
    struct send_answer a = {.status = status, .body = slice_of(body), .why = "connection refused"};
    struct fate *fates[COUNT_MAX];
    struct reading r = {.result = SEND_ANSWERED};

    for (size_t i = 0; i < COUNT_MAX; i++) {
        fates[i] = &r.fates[i];
    }
    r.result = send_answer_read(&a, fates, count);
    return r;
}

#define LIST(elements)                                                                             \
    "{\"code\":0,\"msg\":\"ok\",\"data\":{\"sent\":1,\"failed\":0,\"messages\":[" elements "]}}"
#define SENT "{\"code\":0,\"msg\":\"ok\",\"data\":{\"stored\":true}}"
#define WITH(code) "{\"code\":" #code ",\"msg\":\"why\",\"data\":null}"

static void each_message_has_its_own_fate(void **state)
{
    struct reading r =
        read_answer(200, LIST(SENT "," WITH(40011) "," WITH(50301) "," WITH(50001)), 4);

    (void)state;
    assert_int_equal(r.result, SEND_ANSWERED);
    assert_int_equal(r.fates[0].verdict, VERDICT_SENT);
    assert_int_equal(r.fates[1].verdict, VERDICT_DEAD);
    assert_int_equal(r.fates[1].code, 40011);
    assert_string_equal(r.fates[1].why, "why");
    assert_int_equal(r.fates[2].verdict, VERDICT_AGAIN);
    assert_int_equal(r.fates[3].verdict, VERDICT_FAILED);
}

static void codes_have_their_verdict(void **state)
{
    static const struct {
        const char *element;
        enum verdict verdict;
    } cases[] = {
        {WITH(40301), VERDICT_DEAD},
        {WITH(40901), VERDICT_DEAD},
        {WITH(41302), VERDICT_DEAD},
        {WITH(42901), VERDICT_AGAIN},
        {WITH(50002), VERDICT_FAILED},
        {WITH(50308), VERDICT_AGAIN},
        {WITH(20000), VERDICT_AGAIN}, /* nonsense throws nothing away */
        {WITH(-1), VERDICT_AGAIN},
        {"{\"code\":\"0\"}", VERDICT_AGAIN},
        {"{}", VERDICT_AGAIN},
        {"null", VERDICT_AGAIN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[200];

        snprintf(body, sizeof(body), LIST("%s"), cases[i].element);
        struct reading r = read_answer(200, body, 1);
        assert_int_equal(r.result, SEND_ANSWERED);
        assert_int_equal(r.fates[0].verdict, cases[i].verdict);
    }
}

static void assert_again(int status, const char *body)
{
    struct reading r = read_answer(status, body, 2);

    assert_int_equal(r.result, SEND_AGAIN);
    assert_int_equal(r.fates[0].verdict, VERDICT_AGAIN);
    assert_int_equal(r.fates[1].verdict, VERDICT_AGAIN);
    r = read_answer(status, body, 1);
    assert_int_equal(r.result, SEND_AGAIN);
    assert_int_equal(r.fates[0].verdict, VERDICT_AGAIN);
}

static void what_is_not_the_messages_fault_throws_none_away(void **state)
{
    (void)state;
    assert_again(0, "");
    assert_again(301, "");
    assert_again(401, WITH(40102));
    assert_again(403, WITH(40301));
    assert_again(404, "<h1>not here</h1>");
    assert_again(405, "");
    assert_again(429, WITH(42901));
    assert_again(502, "<h1>bad gateway</h1>");
    assert_again(503, WITH(50301));
    assert_again(200, "<h1>welcome</h1>");
    assert_again(200, "{\"code\":0,\"msg\":\"ok\",\"data\":{\"id\":\"1-0\",\"stored\":true}}");
    assert_again(200, LIST(""));
    assert_again(200, LIST(SENT "," SENT "," SENT));
}

static void failure_says_why(void **state)
{
    (void)state;
    assert_string_equal(read_answer(0, "", 1).fates[0].why, "connection refused");
    assert_string_equal(read_answer(404, "not here", 1).fates[0].why, "HTTP 404: not here");
}

static void request_that_is_refused_as_a_whole_is_split(void **state)
{
    (void)state;
    assert_int_equal(read_answer(400, WITH(40005), 2).result, SEND_SPLIT);
    assert_int_equal(read_answer(413, WITH(41301), 3).result, SEND_SPLIT);
    assert_int_equal(read_answer(500, "<h1>oops</h1>", 2).result, SEND_SPLIT);
}

static void message_that_is_alone_is_to_blame(void **state)
{
    struct reading r = read_answer(400, WITH(40005), 1);

    (void)state;
    assert_int_equal(r.result, SEND_ANSWERED);
    assert_int_equal(r.fates[0].verdict, VERDICT_DEAD);
    assert_int_equal(r.fates[0].code, 40005);
    r = read_answer(413, "<h1>too large</h1>", 1);
    assert_int_equal(r.result, SEND_ANSWERED);
    assert_int_equal(r.fates[0].verdict, VERDICT_DEAD);
    r = read_answer(500, "<h1>oops</h1>", 1);
    assert_int_equal(r.result, SEND_ANSWERED);
    assert_int_equal(r.fates[0].verdict, VERDICT_FAILED);
}

/* Found by fuzzing. */
static void refusal_is_none_the_less_for_what_its_body_says(void **state)
{
    (void)state;
    assert_int_equal(read_answer(413, SENT, 1).fates[0].verdict, VERDICT_DEAD);
    assert_int_equal(read_answer(500, WITH(40011), 1).fates[0].verdict, VERDICT_FAILED);
}

static void refusal_that_is_not_ours_is_about_no_message(void **state)
{
    static const char *const bodies[] = {
        "<h1>The plain HTTP request was sent to HTTPS port</h1>", "", "{}", LIST(SENT)};

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        assert_int_equal(read_answer(400, bodies[i], 2).result, SEND_AGAIN);
        assert_int_equal(read_answer(400, bodies[i], 1).result, SEND_AGAIN);
        assert_int_equal(read_answer(400, bodies[i], 1).fates[0].verdict, VERDICT_AGAIN);
    }
}

/* An answer that is cut anywhere is not taken for a success. */
static void cut_answers_are_no_success(void **state)
{
    const char *body = LIST(SENT "," SENT);
    char cut[200];

    (void)state;
    for (size_t len = 0; len < strlen(body); len++) {
        snprintf(cut, sizeof(cut), "%.*s", (int)len, body);
        assert_int_equal(read_answer(200, cut, 2).result, SEND_AGAIN);
    }
    assert_int_equal(read_answer(200, body, 2).result, SEND_ANSWERED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_has_its_own_fate),
        cmocka_unit_test(codes_have_their_verdict),
        cmocka_unit_test(what_is_not_the_messages_fault_throws_none_away),
        cmocka_unit_test(failure_says_why),
        cmocka_unit_test(request_that_is_refused_as_a_whole_is_split),
        cmocka_unit_test(message_that_is_alone_is_to_blame),
        cmocka_unit_test(refusal_is_none_the_less_for_what_its_body_says),
        cmocka_unit_test(refusal_that_is_not_ours_is_about_no_message),
        cmocka_unit_test(cut_answers_are_no_success),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
