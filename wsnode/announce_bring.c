/*
 * Asks Redis for the next events, posts them, and says so with the next question. What the backend
 * does not take is asked for again after a pause: events have no time limit, and none is skipped.
 */
#include "wsnode/announce_bring.h"

#include <stdlib.h>
#include <string.h>

#include "shared/backoff.h"
#include "shared/clock.h"
#include "shared/log.h"
#include "wsnode/node.h"
#include "wsnode/redis_async.h"
#include "wsnode/upstream_post.h"

#define EVENTS_PER_CALL 100
/* An event is an address, twice, and some words; 4 kB with all escaped. */
#define BODY_BYTES_MAX ((size_t)1024 * 1024)
/* So often it is looked for news. */
#define IDLE_MS 200
/* Somebody else does it, or Redis cannot be asked. */
#define AWAY_MS 1000
/* The office outlasts a call by so much. */
#define SPARE_MS 5000
#define PAUSE_MIN_MS 250
#define PAUSE_MAX_MS 10000

struct announce_bringer {
    struct node *node;                /* borrowed */
    const struct events_rules *rules; /* borrowed */
    const struct events_node *self;   /* borrowed */
    struct http_client *http;         /* owned */
    struct buf body;
    struct events_batch batch;      /* what is in body */
    char brought[MESSAGE_ID_BYTES]; /* Redis has yet to be told; "": nothing */
    struct backoff backoff;
    int64_t next_ms;
    bool busy; /* an answer is awaited */
};

static void ask(struct announce_bringer *b);

static void try_later(struct announce_bringer *b)
{
    backoff_fail(&b->backoff, clock_mono_ms(), PAUSE_MIN_MS, PAUSE_MAX_MS);
    b->next_ms = b->backoff.due_ms;
}

static void after_post(struct node *n, const struct http_reply *reply, void *arg)
{
    struct announce_bringer *b = arg;

    (void)n;
    b->busy = false;
    if (upstream_post_is_taken(reply)) {
        memcpy(b->brought, b->batch.last_id, sizeof(b->brought));
        backoff_reset(&b->backoff);
        ask(b);
        return;
    }
    log_limited(LOG_WARN, "the backend does not take events", "status=%d why=\"%s\"", reply->status,
        reply->status == 0 ? reply->why : "");
    try_later(b);
}

static void post(struct announce_bringer *b)
{
    enum err err = upstream_post(b->node, b->http, b->batch.last_id, &b->body, after_post, b);

    b->busy = err == ERR_OK;
    if (err) {
        log_limited(LOG_ERROR, "events cannot be posted", "why=%s", err_text(err));
        try_later(b);
    }
}

static void after_ask(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct announce_bringer *b = arg;
    int64_t now_ms = clock_mono_ms();

    (void)n;
    b->busy = false;
    b->next_ms = now_ms + AWAY_MS;
    if (err) {
        return;
    }
    b->brought[0] = '\0';
    buf_reset(&b->body);
    if ((err = events_bring_decode(reply, &b->body, &b->batch)) || (err = buf_err(&b->body))) {
        log_limited(LOG_ERROR, "events cannot be read", "why=%s", err_text(err));
        try_later(b);
        return;
    }
    if (!b->batch.is_ours) {
        return;
    }
    b->next_ms = now_ms + IDLE_MS;
    if (b->batch.count > 0) {
        post(b);
    }
}

static void ask(struct announce_bringer *b)
{
    int64_t ttl_ms = b->node->config->upstream_hook_timeout_ms + SPARE_MS;
    struct command c;

    command_init(&c);
    events_bring_command(&c, b->rules, b->self, ttl_ms, b->brought, EVENTS_PER_CALL);
    b->busy = redis_async_run(b->node->redis, &c, after_ask, b) == ERR_OK;
    command_finish(&c);
}

struct announce_bringer *announce_bringer_create(
    struct node *n, const struct events_rules *rules, const struct events_node *self)
{
    struct announce_bringer *b = calloc(1, sizeof(*b));

    if (!b) {
        return NULL;
    }
    b->node = n;
    b->rules = rules;
    b->self = self;
    buf_init(&b->body, BODY_BYTES_MAX);
    b->http = http_client_create(n, 1);
    if (!b->http) {
        free(b);
        return NULL;
    }
    return b;
}

void announce_bringer_stop(struct announce_bringer *b)
{
    http_client_stop(b->http);
}

void announce_bringer_destroy(struct announce_bringer *b)
{
    if (b) {
        http_client_destroy(b->http);
        buf_finish(&b->body);
        free(b);
    }
}

void announce_bringer_on_tick(struct announce_bringer *b, int64_t now_ms)
{
    if (!b->busy && now_ms >= b->next_ms) {
        ask(b);
    }
}
