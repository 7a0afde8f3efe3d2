/*
 * Parallel POSTs with libcurl's multi interface. Knows HTTP and outcomes, and nothing of what is in
 * an envelope.
 */
#include "fcgi-send/forward.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>

#include "fcgi-send/forward_tls.h"
#include "shared/clock.h"
#include "shared/log.h"

/* An answer has about 80 bytes per session. */
#define ANSWER_BYTES_MAX (16 * 1024 * 1024)
/* Kept connections of one thread: more than a cluster has nodes, mostly. */
#define CONNECTIONS_MAX 256L
/* Younger than the node's own limit for idle connections, so that it is us who end them. */
#define CONNECTION_AGE_MAX_S 60L
/* What a stop leaves to forwards that are under way. */
#define STOP_GRACE_MS 300
#define POLL_MS_MAX 1000

/* A handle and what it receives; kept from one forward to the next. */
struct call {
    CURL *easy;                    /* owned */
    struct curl_slist *connect_to; /* owned; easy's */
    char why[CURL_ERROR_SIZE];     /* easy's words for its last failure; "" where it has none */
    struct buf answer;             /* owned */
    struct forward *forward;       /* borrowed while it is under way; NULL afterwards */
};

struct forwarder {
    const struct config *config; /* borrowed */
    int stop_fd;
    CURLM *multi;                                   /* owned */
    struct curl_slist *headers[FORWARD_CALL_COUNT]; /* owned */
    struct call **calls; /* owned, each; as many as one send has needed so far */
    size_t call_count;
};

enum err forward_init_library(void)
{
    return curl_global_init(CURL_GLOBAL_NOTHING) ? ERR_NO_MEMORY : ERR_OK;
}

void forward_finish_library(void)
{
    curl_global_cleanup();
}

static const struct {
    const char *path;
    const char *media_type_line;
} targets[FORWARD_CALL_COUNT] = {
    [FORWARD_SEND] = {"/forwardSend", "Content-Type: " ENVELOPE_MEDIA_TYPE},
    [FORWARD_CLOSE] = {"/forwardClose", "Content-Type: application/json"},
    [FORWARD_PRESENCE] = {"/presence", "Content-Type: application/json"},
};

static struct curl_slist *make_headers(const struct config *config, enum forward_call call)
{
    struct buf secret;
    struct curl_slist *headers = NULL;

    buf_init(&secret, 4096);
    buf_addf(&secret, "Authorization: Bearer %s", config->cluster_secret);
    /* No Expect: the node would never say 100, and curl would wait a second for it. */
    const char *const lines[] = {
        buf_str(&secret), targets[call].media_type_line, "Expect:", "Accept:"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct curl_slist *longer = buf_err(&secret) ? NULL : curl_slist_append(headers, lines[i]);
        if (!longer) {
            curl_slist_free_all(headers);
            headers = NULL;
            break;
        }
        headers = longer;
    }
    buf_finish(&secret);
    return headers;
}

static bool make_all_headers(struct forwarder *f)
{
    bool complete = true;

    for (int call = 0; call < FORWARD_CALL_COUNT; call++) {
        f->headers[call] = make_headers(f->config, (enum forward_call)call);
        complete = complete && f->headers[call];
    }
    return complete;
}

struct forwarder *forwarder_create(const struct config *config, int stop_fd)
{
    struct forwarder *f = calloc(1, sizeof(*f));

    if (!f) {
        return NULL;
    }
    f->config = config;
    f->stop_fd = stop_fd;
    bool has_headers = make_all_headers(f);
    f->multi = curl_multi_init();
    if (!has_headers || !f->multi ||
        curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX) ||
        curl_multi_setopt(f->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING)) {
        forwarder_destroy(f);
        return NULL;
    }
    return f;
}

static void call_destroy(struct call *c)
{
    if (c->easy) {
        curl_easy_cleanup(c->easy);
    }
    curl_slist_free_all(c->connect_to);
    buf_finish(&c->answer);
    free(c);
}

void forwarder_destroy(struct forwarder *f)
{
    if (!f) {
        return;
    }
    for (size_t i = 0; i < f->call_count; i++) {
        call_destroy(f->calls[i]);
    }
    free(f->calls);
    if (f->multi) {
        curl_multi_cleanup(f->multi);
    }
    for (int call = 0; call < FORWARD_CALL_COUNT; call++) {
        curl_slist_free_all(f->headers[call]);
    }
    free(f);
}

static size_t on_answer_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    struct call *c = arg;

    buf_add(&c->answer, bytes, size * count);
    return buf_err(&c->answer) ? 0 : size * count;
}

/* What is the same for all forwards. */
static bool prepare_handle(const struct forwarder *f, struct call *c)
{
    CURL *easy = c->easy;

    return !curl_easy_setopt(easy, CURLOPT_PRIVATE, c) &&
           !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
           !curl_easy_setopt(easy, CURLOPT_PROXY, "") && forward_tls_prepare(easy, f->config) &&
           !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, c->why) &&
           !curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) &&
           !curl_easy_setopt(easy, CURLOPT_POST, 1L) &&
           !curl_easy_setopt(
               easy, CURLOPT_CONNECTTIMEOUT_MS, (long)f->config->send_connect_timeout_ms) &&
           !curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) &&
           !curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, CONNECTION_AGE_MAX_S) &&
           !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer_bytes) &&
           !curl_easy_setopt(easy, CURLOPT_WRITEDATA, c);
}

static struct call *call_create(const struct forwarder *f)
{
    struct call *c = calloc(1, sizeof(*c));

    if (!c) {
        return NULL;
    }
    buf_init(&c->answer, ANSWER_BYTES_MAX);
    c->easy = curl_easy_init();
    if (!c->easy || !prepare_handle(f, c)) {
        call_destroy(c);
        return NULL;
    }
    return c;
}

/* As many calls as there are forwards, as far as the memory goes. */
static size_t ensure_calls(struct forwarder *f, size_t count)
{
    if (count > f->call_count) {
        struct call **calls = realloc(f->calls, count * sizeof(struct call *));
        f->calls = calls ? calls : f->calls;
        while (calls && f->call_count < count) {
            struct call *c = call_create(f);
            if (!c) {
                break;
            }
            f->calls[f->call_count++] = c;
        }
    }
    return count < f->call_count ? count : f->call_count;
}

static bool start(struct forwarder *f, struct call *c, struct forward *forward, int64_t limit_ms)
{
    const char *objection = forward_tls_objection(f->config, forward->addr);

    if (objection) {
        log_limited(LOG_WARN, "forward failed", "addr=%s reason=\"%s\"", forward->addr, objection);
        return false;
    }
    const struct forward_aim aim = {forward->addr, targets[forward->call].path};
    buf_reset(&c->answer);
    c->forward = forward;
    c->why[0] = '\0';
    return forward_tls_aim(c->easy, f->config, &aim, &c->connect_to) &&
           !curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, f->headers[forward->call]) &&
           !curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, forward->body.at) &&
           !curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)forward->body.len) &&
           !curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)limit_ms) &&
           !curl_multi_add_handle(f->multi, c->easy);
}

static enum forward_outcome outcome_without_answer(CURL *easy, CURLcode result)
{
    long os_error = 0;

    if (result == CURLE_COULDNT_CONNECT && !curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error) &&
        os_error == ECONNREFUSED) {
        return FORWARD_REFUSED;
    }
    return FORWARD_FAILED;
}

static enum err decode_answer(struct slice body, struct forward *forward)
{
    switch (forward->call) {
    case FORWARD_SEND:
        return envelope_answer_decode(body, &forward->answer, NULL);
    case FORWARD_CLOSE:
        return dismissal_answer_decode(body, &forward->closed);
    case FORWARD_PRESENCE:
        return headcount_answer_decode(body, forward->asked, &forward->members);
    case FORWARD_CALL_COUNT:
        break;
    }
    return ERR_INTERNAL;
}

/* What is wrong with one forward (its size, say) is no reason to keep the next one from the node;
 * that the node itself cannot go on (5xx) is. */
static enum forward_outcome outcome_of_answer(
    const struct call *c, long status, struct forward *forward)
{
    struct slice body = {buf_str(&c->answer), c->answer.len};

    if (status == 200 && !decode_answer(body, forward)) {
        return FORWARD_ANSWERED;
    }
    if (status == 410) {
        return FORWARD_WRONG_BOOT;
    }
    if (status == 503) {
        log_limited(
            LOG_WARN, "forward not taken", "addr=%s reason=\"node is busy\"", forward->addr);
        return FORWARD_BUSY;
    }
    log_limited(LOG_ERROR, "forward refused", "addr=%s status=%ld", forward->addr, status);
    return status >= 500 ? FORWARD_FAILED : FORWARD_DECLINED;
}

static void finish(struct call *c, CURLcode result)
{
    struct forward *forward = c->forward;
    long status = 0;

    c->forward = NULL;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    /* A node that refuses a forward by its head may close before it was sent to its end. */
    if (!result || status >= 400) {
        forward->outcome = outcome_of_answer(c, status, forward);
        return;
    }
    forward->outcome = outcome_without_answer(c->easy, result);
    log_limited(LOG_WARN, "forward failed", "addr=%s reason=\"%s\"", forward->addr,
        c->why[0] ? c->why : curl_easy_strerror(result));
}

/* Takes what has ended off the multi handle. */
static void collect(struct forwarder *f)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(f->multi, &left))) {
        CURLcode result = message->data.result;
        CURL *easy = message->easy_handle;
        struct call *c;

        curl_multi_remove_handle(f->multi, easy);
        if (!curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&c)) {
            finish(c, result);
        }
    }
}

/* Sleeps until something happens. Once the stop is there, the deadline draws near. */
static void await(struct forwarder *f, bool *stopping, int64_t *deadline_ms)
{
    int64_t left_ms = *deadline_ms - clock_mono_ms();
    struct curl_waitfd stop = {.fd = f->stop_fd, .events = CURL_WAIT_POLLIN};

    if (left_ms <= 0) {
        return;
    }
    int timeout_ms = (int)(left_ms < POLL_MS_MAX ? left_ms : POLL_MS_MAX);
    curl_multi_poll(f->multi, &stop, *stopping ? 0 : 1, timeout_ms, NULL);
    if (stop.revents) {
        int64_t grace_end_ms = clock_mono_ms() + STOP_GRACE_MS;

        *stopping = true;
        *deadline_ms = *deadline_ms < grace_end_ms ? *deadline_ms : grace_end_ms;
    }
}

/* Ends what is still under way. */
static void abandon(struct forwarder *f, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (f->calls[i]->forward) {
            curl_multi_remove_handle(f->multi, f->calls[i]->easy);
            f->calls[i]->forward = NULL;
        }
    }
}

void forward_all(struct forwarder *f, struct forward *forwards, size_t count, int64_t wait_ms)
{
    int64_t limit_ms =
        f->config->send_connect_timeout_ms + f->config->send_forward_timeout_ms + wait_ms;
    int64_t deadline_ms = clock_mono_ms() + limit_ms;
    size_t started = ensure_calls(f, count);
    bool stopping = false;
    int running = 0;

    for (size_t i = 0; i < count; i++) {
        forwards[i].outcome = FORWARD_FAILED;
        if (i < started && !start(f, f->calls[i], &forwards[i], limit_ms)) {
            f->calls[i]->forward = NULL;
        }
    }
    for (;;) {
        CURLMcode code = curl_multi_perform(f->multi, &running);
        collect(f);
        if (code || !running || clock_mono_ms() >= deadline_ms) {
            break;
        }
        await(f, &stopping, &deadline_ms);
    }
    abandon(f, started);
}
