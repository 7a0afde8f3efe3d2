/*
 * Asks the backend, and tells the acceptor what it said.
 */
#include "wsnode/admission_hook.h"

#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "wsnode/accept.h"
#include "wsnode/hook_cache.h"
#include "wsnode/hook_question.h"

/* Room for the largest list of topics, and for what else the backend wants to say. */
#define ANSWER_BYTES_MAX (64L * 1024)

struct admission_hook {
    struct http_client *http; /* owned */
    struct hook_cache cache;
};

struct hook_pending {
    struct http_post *post; /* borrowed from http */
    uint64_t arrival;
    int64_t asked_ms; /* wall clock */
    unsigned char digest[HOOK_DIGEST_BYTES];
};

enum err admission_hook_create(struct node *n, struct problem *p)
{
    if (n->config->node_auth != NODE_AUTH_HOOK) {
        return ERR_OK;
    }
    struct admission_hook *hook = calloc(1, sizeof(*hook));
    if (!hook) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    hook->http = http_client_create(n, n->config->hook_max_connections);
    if (!hook->http) {
        free(hook);
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    hook_cache_init(&hook->cache, n->config->hook_cache_ms);
    n->hook = hook;
    return ERR_OK;
}

void admission_hook_stop(struct node *n)
{
    if (n->hook) {
        http_client_stop(n->hook->http);
    }
}

void admission_hook_destroy(struct node *n)
{
    if (n->hook) {
        http_client_destroy(n->hook->http);
        hook_cache_finish(&n->hook->cache);
        free(n->hook);
        n->hook = NULL;
    }
}

/* That nobody answered is not worth remembering. */
static void on_reply(struct node *n, const struct http_reply *reply, void *arg)
{
    struct hook_pending *pending = arg;
    struct hook_answer answer;

    hook_answer_read(reply, pending->asked_ms, &answer);
    node_stat_add(hook_answers_admitted, answer.err == ERR_OK);
    node_stat_add(hook_answers_refused, answer.err == ERR_HOOK_REFUSED);
    node_stat_add(hook_answers_none, answer.err == ERR_HOOK_AWAY);
    if (answer.err != ERR_HOOK_AWAY) {
        hook_cache_put(&n->hook->cache, pending->digest, &answer, clock_mono_ms());
    }
    acceptor_after_hook(n, pending->arrival, &answer);
    free(pending);
}

/* NULL: what is known is over already. */
static const struct hook_answer *find_known(struct node *n, const struct hook_question *q)
{
    const struct hook_answer *found = hook_cache_find(&n->hook->cache, q->digest, clock_mono_ms());
    bool ends = found && found->token.expires_ms > 0;

    return ends && found->token.expires_ms <= clock_wall_ms() ? NULL : found;
}

static enum err post(struct node *n, const struct hook_question *q, struct hook_pending *pending)
{
    const struct http_call call = {.url = n->config->hook_url,
        .headers = q->headers,
        .header_count = q->header_count,
        .body = {buf_str(&q->body), q->body.len},
        .timeout_ms = n->config->hook_timeout_ms,
        .answer_max_bytes = ANSWER_BYTES_MAX};

    return http_client_post(n->hook->http, &call, on_reply, pending, &pending->post);
}

static enum err ask(
    struct node *n, const struct hook_question *q, uint64_t arrival, struct hook_pending **out)
{
    struct hook_pending *pending = malloc(sizeof(*pending));

    if (!pending) {
        return ERR_NO_MEMORY;
    }
    *pending = (struct hook_pending){.arrival = arrival, .asked_ms = clock_wall_ms()};
    memcpy(pending->digest, q->digest, sizeof(pending->digest));
    enum err err = post(n, q, pending);
    if (err) {
        free(pending);
        return err;
    }
    *out = pending;
    return ERR_OK;
}

enum err admission_hook_ask(struct node *n, const struct session_handshake *h, struct slice head,
    uint64_t arrival, struct hook_asked *out, struct problem *p)
{
    struct hook_question q;

    enum err err = hook_question_make(&q, n->config, h, head, p);
    if (err) {
        return err;
    }
    *out = (struct hook_asked){.known = find_known(n, &q)};
    if (out->known) {
        node_stat_add(hook_answers_cached, 1);
    } else {
        err = ask(n, &q, arrival, &out->pending);
    }
    hook_question_finish(&q);
    return err ? problem_set(p, err, "", NULL) : ERR_OK;
}

void admission_hook_cancel(struct hook_pending *pending)
{
    http_client_cancel(pending->post);
    free(pending);
}
