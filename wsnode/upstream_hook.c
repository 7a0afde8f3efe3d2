/*
 * Messages to the backend by POST. 2xx is taken, and a JSON object's "json" in the answer goes back
 * to the client; 408, 425, 429, 5xx and no answer are tried again; anything else is a refusal.
 */
#include "shared/log.h"
#include "wsnode/upstream_post.h"
#include "wsnode/upstream_state.h"

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

    if (upstream_post_is_taken(reply)) {
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

static enum err send_message(
    struct node *n, struct upstream_item *item, const struct upstream_message *message)
{
    struct buf body;

    buf_init(&body, upstream_encoded_bytes_max(message));
    upstream_encode(message, &body);
    enum err err = buf_err(&body);
    if (!err) {
        err = upstream_post(n, n->upstream->http, message->id, &body, after_call, item);
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
