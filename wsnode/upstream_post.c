/*
 * Makes a call of the backend from its body.
 */
#include "wsnode/upstream_post.h"

#include <stdio.h>

#include "wsnode/node.h"

#define HEADERS_MAX 3
#define HEADER_BYTES 1024

enum err upstream_post(struct node *n, struct http_client *http, const char *id,
    const struct buf *body, http_client_done *done, void *arg)
{
    const struct config *config = n->config;
    char key[HEADER_BYTES];
    char secret[HEADER_BYTES];
    const char *headers[HEADERS_MAX] = {"Content-Type: application/json", key, secret};

    (void)snprintf(key, sizeof(key), "Idempotency-Key: %s", id);
    (void)snprintf(secret, sizeof(secret), "X-Socketsend-Secret: %s", config->upstream_hook_secret);
    const struct http_call call = {.url = config->upstream_hook_url,
        .headers = headers,
        .header_count = *config->upstream_hook_secret ? HEADERS_MAX : HEADERS_MAX - 1,
        .body = {buf_str(body), body->len},
        .timeout_ms = config->upstream_hook_timeout_ms,
        .answer_max_bytes = HOOK_ANSWER_BYTES_MAX};

    return http_client_post(http, &call, done, arg, NULL);
}

bool upstream_post_is_taken(const struct http_reply *reply)
{
    return reply->status >= 200 && reply->status <= 299;
}
