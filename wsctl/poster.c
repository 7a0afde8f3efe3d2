/*
 * Knows HTTP, and nothing of what is in a request or an answer.
 */
#include "wsctl/poster.h"

#include <curl/curl.h>
#include <stdlib.h>

/* 1,000 results with some sessions each. */
#define ANSWER_BYTES_MAX (64 * 1024 * 1024)
#define CONNECT_TIMEOUT_MS 5000L
#define HEADER_BYTES_MAX 4096
/* Nobody means more, and a mistake there must not stop a queue for a day. */
#define RETRY_AFTER_S_MAX 600

struct poster {
    CURL *easy;                 /* owned */
    struct curl_slist *headers; /* owned */
    struct buf answer;          /* owned */
    char why[CURL_ERROR_SIZE];
};

static struct curl_slist *make_headers(const char *api_key)
{
    struct buf key;
    struct curl_slist *headers = NULL;

    buf_init(&key, HEADER_BYTES_MAX);
    buf_addf(&key, "X-Api-Key: %s", api_key);
    /* No Expect: not every web server says 100, and curl would wait a second for it. */
    const char *const lines[] = {"Content-Type: application/json", "Expect:", buf_str(&key)};
    size_t count = sizeof(lines) / sizeof(lines[0]) - (*api_key ? 0 : 1);
    for (size_t i = 0; i < count; i++) {
        struct curl_slist *longer = buf_err(&key) ? NULL : curl_slist_append(headers, lines[i]);
        if (!longer) {
            curl_slist_free_all(headers);
            headers = NULL;
            break;
        }
        headers = longer;
    }
    buf_finish(&key);
    return headers;
}

static size_t on_answer_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    struct poster *p = arg;

    buf_add(&p->answer, bytes, size * count);
    return buf_err(&p->answer) ? 0 : size * count;
}

static bool prepare_handle(struct poster *p, const struct config *config)
{
    CURL *easy = p->easy;

    return !curl_easy_setopt(easy, CURLOPT_URL, config->consume_send_url) &&
           !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
           !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
           !curl_easy_setopt(easy, CURLOPT_PROXY, "") &&
           !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, p->why) &&
           !curl_easy_setopt(easy, CURLOPT_POST, 1L) &&
           !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, p->headers) &&
           !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS) &&
           !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)config->consume_timeout_ms) &&
           !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer_bytes) &&
           !curl_easy_setopt(easy, CURLOPT_WRITEDATA, p);
}

struct poster *poster_create(const struct config *config)
{
    struct poster *p = calloc(1, sizeof(*p));

    if (!p) {
        return NULL;
    }
    buf_init(&p->answer, ANSWER_BYTES_MAX);
    p->headers = make_headers(config->consume_api_key);
    p->easy = curl_easy_init();
    if (!p->headers || !p->easy || !prepare_handle(p, config)) {
        poster_destroy(p);
        return NULL;
    }
    return p;
}

void poster_destroy(struct poster *p)
{
    if (!p) {
        return;
    }
    if (p->easy) {
        curl_easy_cleanup(p->easy);
    }
    curl_slist_free_all(p->headers);
    buf_finish(&p->answer);
    free(p);
}

static int64_t retry_after_ms(CURL *easy)
{
    curl_off_t seconds = 0;

    if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) || seconds < 0) {
        return 0;
    }
    return (seconds < RETRY_AFTER_S_MAX ? seconds : RETRY_AFTER_S_MAX) * 1000;
}

void poster_post(struct poster *p, struct slice body, struct send_answer *out)
{
    long status = 0;

    *out = (struct send_answer){.why = "", .body = {"", 0}};
    buf_reset(&p->answer);
    p->why[0] = '\0';
    CURLcode code = curl_easy_setopt(p->easy, CURLOPT_POSTFIELDS, body.at);
    if (!code) {
        code = curl_easy_setopt(p->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    }
    if (!code) {
        code = curl_easy_perform(p->easy);
    }
    if (!code) {
        code = curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
    }
    if (code) {
        out->why = p->why[0] ? p->why : curl_easy_strerror(code);
        return;
    }
    out->status = (int)status;
    out->retry_after_ms = retry_after_ms(p->easy);
    out->body = (struct slice){buf_str(&p->answer), p->answer.len};
}
