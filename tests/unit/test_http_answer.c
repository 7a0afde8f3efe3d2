/*
 * Answers of the node's listeners: complete, and with the headers that their status must have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wsnode/http_answer.h"

static void assert_encodes(const struct http_answer *a, const char *expected)
{
    struct buf out;

    buf_init(&out, 4096);
    http_answer_encode(a, &out);
    assert_int_equal(buf_err(&out), ERR_OK);
    assert_string_equal(buf_str(&out), expected);
    buf_finish(&out);
}

static void answer_has_type_length_and_body(void **state)
{
    const struct http_answer a = {.status = 200, .body = {"{}", 2}};

    (void)state;
    assert_encodes(&a, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                       "Cache-Control: no-store\r\n\r\n{}");
}

static void upgrade_required_names_protocol_and_version(void **state)
{
    const struct http_answer a = {.status = 426, .body = {"", 0}, .closes = true};

    (void)state;
    assert_encodes(&a,
        "HTTP/1.1 426 Upgrade Required\r\nContent-Type: application/json\r\nContent-Length: 0\r\n"
        "Cache-Control: no-store\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Connection: upgrade, close\r\n\r\n");
}

static void unavailable_says_when_to_retry(void **state)
{
    const struct http_answer a = {.status = 503, .body = {"", 0}, .closes = true};

    (void)state;
    assert_encodes(&a, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: "
                       "application/json\r\nContent-Length: 0\r\n"
                       "Cache-Control: no-store\r\nRetry-After: 1\r\nConnection: close\r\n\r\n");
}

static void limited_caller_is_told_when_to_retry(void **state)
{
    const struct http_answer a = {
        .status = 429, .retry_after_s = 4, .body = {"", 0}, .closes = true};

    (void)state;
    assert_encodes(&a, "HTTP/1.1 429 Too Many Requests\r\nContent-Type: "
                       "application/json\r\nContent-Length: 0\r\n"
                       "Cache-Control: no-store\r\nRetry-After: 4\r\nConnection: close\r\n\r\n");
}

static void wrong_method_says_which_is_right(void **state)
{
    const struct http_answer a = {
        .status = 405, .content_type = "text/plain", .allow = "POST", .body = {"x", 1}};

    (void)state;
    assert_encodes(&a, "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\n"
                       "Content-Length: 1\r\nCache-Control: no-store\r\nAllow: POST\r\n\r\nx");
}

static void assert_problem(const struct problem *p, const char *expected)
{
    struct buf out;

    buf_init(&out, 4096);
    http_answer_problem_body(p, &out);
    assert_string_equal(buf_str(&out), expected);
    buf_finish(&out);
}

static void problems_name_the_field_where_there_is_one(void **state)
{
    struct problem p;

    (void)state;
    (void)problem_set(&p, ERR_BAD_VALUE, "code", "\"x\" is no code");
    assert_problem(
        &p, "{\"code\":40014,\"msg\":\"\\\"x\\\" is no code\",\"data\":{\"field\":\"code\"}}");
    (void)problem_set(&p, ERR_UNKNOWN_PATH, "", NULL);
    assert_problem(&p, "{\"code\":40401,\"msg\":\"there is nothing at this path\",\"data\":{}}");
}

/* Every status of errors.def has its reason phrase. */
static void every_error_status_is_known(void **state)
{
    (void)state;
    for (int err = 0; err < ERR_COUNT; err++) {
        const struct http_answer a = {.status = err_http_status((enum err)err), .body = {"", 0}};
        struct buf out;
        buf_init(&out, 4096);
        http_answer_encode(&a, &out);
        assert_null(strstr(buf_str(&out), " Unknown\r\n"));
        buf_finish(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_has_type_length_and_body),
        cmocka_unit_test(upgrade_required_names_protocol_and_version),
        cmocka_unit_test(unavailable_says_when_to_retry),
        cmocka_unit_test(limited_caller_is_told_when_to_retry),
        cmocka_unit_test(wrong_method_says_which_is_right),
        cmocka_unit_test(problems_name_the_field_where_there_is_one),
        cmocka_unit_test(every_error_status_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
