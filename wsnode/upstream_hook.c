/*
 * Messages to the backend by POST. 2xx is taken, and a JSON object's "json" in the answer goes back
 * to the client; 408, 425, 429, 5xx and no answer are tried again; anything else is a refusal.
 */
#include <stdio.h>

#include "shared/log.h"
#include "wsnode/http_client.h"
#include "wsnode/upstream_state.h"

#define HEADERS_MAX 3
#define HEADER_BYTES 1024

static enum err create(struct node *n)
{
    n->upstream->http = http_client_create(n, n->config->upstream_hook_connections);
    return n->upstream->http ? ERR_OK : ERR_NO_MEMORY;
}

static void stop(struct node *n)
{
    if (n->upstream->http) {
        http_client_stop(n->upstream->http);
    }
}

static void destroy(struct node *n)
{
    http_client_destroy(n->upstream->http);
}

static bool is_free(const struct node *n)
{
    return n->upstream->lines.under_way < n->config->upstream_hook_connections;
}

static bool is_worth_another_try(int status)
{
    return status == 0 || status == 408 || status == 425 || status == 429 || status >= 500;
}

static void after_call(struct node *n, const struct http_reply *reply, void *arg)
{
    struct upstream_item *item = arg;
    struct upstream_result result = {.err = ERR_OK};

    if (reply->status >= 200 && reply->status <= 299) {
        result.reply = upstream_reply_of(reply->body);
    } else {
        log_limited(LOG_WARN, "the backend does not take a client's message",
            "session=%s status=%d why=\"%s\"", item->session_id, reply->status,
            reply->status == 0 ? reply->why : "");
        result.is_final = !is_worth_another_try(reply->status);
        result.err = result.is_final ? ERR_UPSTREAM_REFUSED : ERR_UPSTREAM_FAILED;
    }
    upstream_after_send(n, item, &result);
}

static enum err post(struct node *n, struct upstream_item *item, const struct buf *body,
    const struct upstream_message *message)
{
    const struct config *config = n->config;
    char id[128];
    char secret[HEADER_BYTES];
    const char *headers[HEADERS_MAX] = {"Content-Type: application/json", id, secret};

    (void)snprintf(id, sizeof(id), "Idempotency-Key: %s", message->id);
    (void)snprintf(
        secret, sizeof(secret), "Authorization: Bearer %s", config->upstream_hook_secret);
    const struct http_call call = {.url = config->upstream_hook_url,
        .headers = headers,
        .header_count = *config->upstream_hook_secret ? HEADERS_MAX : HEADERS_MAX - 1,
        .body = {buf_str(body), body->len},
        .timeout_ms = config->upstream_hook_timeout_ms,
        .answer_max_bytes = HOOK_ANSWER_BYTES_MAX};

    return http_client_post(n->upstream->http, &call, after_call, item);
}

static enum err send_message(
    struct node *n, struct upstream_item *item, const struct upstream_message *message)
{
    struct buf body;

    buf_init(&body, upstream_encoded_bytes_max(message));
    upstream_encode(message, &body);
    enum err err = buf_err(&body);
    if (!err) {
        err = post(n, item, &body, message);
    }
    buf_finish(&body);
    return err;
}

const struct upstream_sink upstream_hook = {
    .late = ERR_UPSTREAM_FAILED,
    .create = create,
    .stop = stop,
    .destroy = destroy,
    .is_free = is_free,
    .send = send_message,
};
