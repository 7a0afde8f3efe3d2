/*
 * Joins libcurl and libuv: libcurl says which sockets and which time it waits for, libuv tells it
 * when they are due. Knows nothing of what is asked or answered.
 */
#include "wsnode/http_client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <uv.h>

#include "wsnode/loop.h"

#define CONNECT_TIMEOUT_MS_MAX 5000L

struct http_post {
    LIST_ENTRY(http_post) link;
    struct http_client *client; /* borrowed */
    CURL *easy;                 /* owned */
    struct curl_slist *headers; /* owned */
    struct buf answer;          /* owned */
    http_client_done *done;
    void *arg;
};

LIST_HEAD(call_list, http_post);

struct http_client {
    struct node *node; /* borrowed */
    CURLM *multi;      /* owned */
    uv_timer_t timer;
    struct call_list calls;
    bool stopped;
};

/* A socket of libcurl's. */
struct watch {
    uv_poll_t poll;
    struct http_client *client; /* borrowed */
    curl_socket_t fd;
};

static void call_destroy(struct http_post *c)
{
    if (c->easy) {
        curl_easy_cleanup(c->easy);
    }
    curl_slist_free_all(c->headers);
    buf_finish(&c->answer);
    free(c);
}

static void take_out(struct http_post *c)
{
    LIST_REMOVE(c, link);
    (void)curl_multi_remove_handle(c->client->multi, c->easy);
}

/* Takes the call out and tells its caller. */
static void end_call(struct http_post *c, CURLcode result)
{
    struct http_client *client = c->client;
    long status = 0;

    take_out(c);
    if (result == CURLE_OK) {
        (void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    }
    const struct http_reply reply = {.status = (int)status,
        .body = {buf_str(&c->answer), c->answer.len},
        .why = curl_easy_strerror(result)};
    c->done(client->node, &reply, c->arg);
    call_destroy(c);
}

static void take_results(struct http_client *c)
{
    const CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(c->multi, &left))) {
        struct http_post *call = NULL;
        CURLcode result = message->data.result; /* message goes with the handle */

        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call) == CURLE_OK) {
            end_call(call, result);
        }
    }
}

static void go_on(struct http_client *c, curl_socket_t fd, int events)
{
    int running;

    (void)curl_multi_socket_action(c->multi, fd, events, &running);
    take_results(c);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    const struct watch *w = poll->data;
    int action = status < 0 ? CURL_CSELECT_ERR : 0;

    action |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    action |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    go_on(w->client, w->fd, action);
}

static void on_timer(uv_timer_t *timer)
{
    go_on(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

/* From inside of libcurl, which must not be called from here: 0 is due on the loop's next turn. */
static int on_time_wanted(CURLM *multi, long wait_ms, void *arg)
{
    struct http_client *c = arg;

    (void)multi;
    if (wait_ms < 0) {
        (void)uv_timer_stop(&c->timer);
    } else if (!c->stopped) {
        (void)uv_timer_start(&c->timer, on_timer, (uint64_t)wait_ms, 0);
    }
    return 0;
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct watch *watch_create(struct http_client *c, curl_socket_t fd)
{
    struct watch *w = calloc(1, sizeof(*w));

    if (!w || uv_poll_init(loop_uv(c->node->loop), &w->poll, fd) < 0) {
        free(w);
        return NULL;
    }
    w->poll.data = w;
    w->client = c;
    w->fd = fd;
    (void)curl_multi_assign(c->multi, fd, w);
    return w;
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *watched)
{
    struct http_client *c = arg;
    struct watch *w = watched;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w) {
            (void)curl_multi_assign(c->multi, fd, NULL);
            uv_close((uv_handle_t *)&w->poll, on_watch_closed);
        }
        return 0;
    }
    w = w ? w : watch_create(c, fd);
    if (!w) {
        return -1; /* libcurl ends its calls */
    }
    int events = what & CURL_POLL_IN ? UV_READABLE : 0;
    events |= what & CURL_POLL_OUT ? UV_WRITABLE : 0;
    (void)uv_poll_start(&w->poll, events, on_poll);
    return 0;
}

struct http_client *http_client_create(struct node *n, int64_t max_connections)
{
    struct http_client *c = calloc(1, sizeof(*c));

    if (!c) {
        return NULL;
    }
    c->multi = curl_global_init(CURL_GLOBAL_DEFAULT) ? NULL : curl_multi_init();
    if (!c->multi) {
        free(c);
        return NULL;
    }
    c->node = n;
    LIST_INIT(&c->calls);
    (void)uv_timer_init(loop_uv(n->loop), &c->timer);
    c->timer.data = c;
    (void)curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    (void)curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    (void)curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_time_wanted);
    (void)curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    (void)curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    (void)curl_multi_setopt(c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)max_connections);
    (void)curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)max_connections);
    return c;
}

void http_client_stop(struct http_client *c)
{
    struct http_post *call;

    c->stopped = true;
    while ((call = LIST_FIRST(&c->calls))) {
        end_call(call, CURLE_ABORTED_BY_CALLBACK);
    }
    (void)curl_multi_cleanup(c->multi); /* its kept connections' sockets go, and their watches */
    c->multi = NULL;
    uv_close((uv_handle_t *)&c->timer, NULL);
}

void http_client_destroy(struct http_client *c)
{
    if (c) {
        curl_global_cleanup();
        free(c);
    }
}

static size_t on_answer_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    struct http_post *c = arg;

    buf_add(&c->answer, bytes, size * count);
    return buf_err(&c->answer) ? 0 : size * count;
}

static bool add_headers(struct http_post *c, const struct http_call *wanted)
{
    /* No Expect: a second would be lost where the backend does not know it. */
    struct curl_slist *longer = curl_slist_append(NULL, "Expect:");

    for (size_t i = 0; longer && i < wanted->header_count; i++) {
        c->headers = longer;
        longer = curl_slist_append(c->headers, wanted->headers[i]);
    }
    if (longer) {
        c->headers = longer;
    }
    return longer != NULL;
}

static bool prepare(struct http_post *c, const struct http_call *wanted)
{
    long timeout_ms = (long)wanted->timeout_ms;
    long connect_ms = timeout_ms < CONNECT_TIMEOUT_MS_MAX ? timeout_ms : CONNECT_TIMEOUT_MS_MAX;
    CURL *easy = c->easy;

    return add_headers(c, wanted) && !curl_easy_setopt(easy, CURLOPT_URL, wanted->url) &&
           !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
           !curl_easy_setopt(easy, CURLOPT_PROXY, "") && /* whatever the environment says */
           !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
           !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, c->headers) &&
           !curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)wanted->body.len) &&
           !curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, wanted->body.at) &&
           !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms) &&
           !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) &&
           !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer_bytes) &&
           !curl_easy_setopt(easy, CURLOPT_WRITEDATA, c) &&
           !curl_easy_setopt(easy, CURLOPT_PRIVATE, c);
}

enum err http_client_post(struct http_client *c, const struct http_call *wanted,
    http_client_done *done, void *arg, struct http_post **out)
{
    if (c->stopped) {
        return ERR_INTERNAL;
    }
    struct http_post *call = calloc(1, sizeof(*call));
    if (!call) {
        return ERR_NO_MEMORY;
    }
    *call = (struct http_post){.client = c, .done = done, .arg = arg, .easy = curl_easy_init()};
    buf_init(&call->answer, wanted->answer_max_bytes);
    if (!call->easy || !prepare(call, wanted)) {
        call_destroy(call);
        return ERR_NO_MEMORY;
    }
    if (curl_multi_add_handle(c->multi, call->easy)) {
        call_destroy(call);
        return ERR_INTERNAL;
    }
    LIST_INSERT_HEAD(&c->calls, call, link);
    if (out) {
        *out = call;
    }
    return ERR_OK;
}

void http_client_cancel(struct http_post *post)
{
    take_out(post);
    call_destroy(post);
}
