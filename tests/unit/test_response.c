/* Answers as web servers get them: status, headers, frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "fcgi-send/response.h"

/* Encodes and finishes r. The text is valid until the next call. */
static const char *encoded(struct response *r)
{
    static struct buf out;

    buf_finish(&out);
    buf_init(&out, RESPONSE_BYTES_MAX);
    response_encode(r, &out);
    response_finish(r);
    assert_int_equal(buf_err(&out), ERR_OK);
    return buf_str(&out);
}

static const char *refused(enum err err)
{
    struct response r;

    response_init(&r);
    problem_set(&r.problem, err, "some\"field", "it's \"wrong\"");
    r.allow = "GET, POST";
    r.replayed = true;
    buf_add_str(&r.data, "half an answer");
    return encoded(&r);
}

static void success_is_framed(void **state)
{
    struct response r;

    (void)state;
    response_init(&r);
    buf_add_str(&r.data, "{\"unread\":2}");
    assert_string_equal(encoded(&r), "Status: 200 OK\r\n"
                                     "Content-Type: application/json; charset=utf-8\r\n"
                                     "Cache-Control: no-store\r\n"
                                     "Content-Length: 41\r\n\r\n"
                                     "{\"code\":0,\"msg\":\"ok\",\"data\":{\"unread\":2}}");
}

static void text_is_not_framed(void **state)
{
    struct response r;

    (void)state;
    response_init(&r);
    r.content_type = "text/plain";
    buf_add_str(&r.data, "metric 1\n");
    assert_string_equal(encoded(&r), "Status: 200 OK\r\nContent-Type: text/plain\r\n"
                                     "Cache-Control: no-store\r\nContent-Length: 9\r\n\r\n"
                                     "metric 1\n");
}

static void replayed_answer_says_so(void **state)
{
    struct response r;

    (void)state;
    response_init(&r);
    r.replayed = true;
    buf_add_str(&r.data, "{}");
    assert_non_null(strstr(encoded(&r), "\r\nIdempotent-Replayed: true\r\n"));
}

static void error_has_code_sentence_and_field_and_nothing_of_the_answer(void **state)
{
    const char *text = refused(ERR_BAD_VALUE);

    (void)state;
    assert_non_null(strstr(text, "Status: 400 Bad Request\r\n"));
    assert_non_null(strstr(text, "\r\n\r\n{\"code\":40014,\"msg\":\"it's \\\"wrong\\\"\","
                                 "\"data\":{\"field\":\"some\\\"field\"}}"));
    assert_null(strstr(text, "half"));
    assert_null(strstr(text, "Idempotent-Replayed"));
}

static void errors_bring_the_headers_of_their_status(void **state)
{
    (void)state;
    assert_non_null(strstr(refused(ERR_WRONG_METHOD), "\r\nAllow: GET, POST\r\n"));
    assert_non_null(strstr(refused(ERR_NO_TOKEN), "\r\nWWW-Authenticate: Bearer"));
    assert_non_null(strstr(refused(ERR_TOO_MANY_WAITS), "\r\nRetry-After: 1\r\n"));
    assert_non_null(strstr(refused(ERR_REDIS_DOWN), "\r\nRetry-After: 1\r\n"));
    assert_null(strstr(refused(ERR_FORBIDDEN), "Retry-After"));
    assert_null(strstr(refused(ERR_FORBIDDEN), "Allow"));
    assert_null(strstr(refused(ERR_FORBIDDEN), "WWW-Authenticate"));
}

/* Errors that only a node's own port answers don't come up here. */
static void every_status_has_a_reason_phrase(void **state)
{
    (void)state;
    for (enum err err = ERR_OK + 1; err < ERR_COUNT; err++) {
        int status = err_http_status(err);
        char unknown[32];

        snprintf(unknown, sizeof(unknown), "Status: %d Error\r\n", status);
        if (status != 408 && status != 410 && status != 426) {
            assert_null(strstr(refused(err), unknown));
        }
    }
}

static void answer_that_does_not_fit_is_an_error(void **state)
{
    struct response r;

    (void)state;
    response_init(&r);
    r.data.max = 4;
    buf_add_str(&r.data, "12345");
    assert_non_null(strstr(encoded(&r), "Status: 500 "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success_is_framed),
        cmocka_unit_test(text_is_not_framed),
        cmocka_unit_test(replayed_answer_says_so),
        cmocka_unit_test(error_has_code_sentence_and_field_and_nothing_of_the_answer),
        cmocka_unit_test(errors_bring_the_headers_of_their_status),
        cmocka_unit_test(every_status_has_a_reason_phrase),
        cmocka_unit_test(answer_that_does_not_fit_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
