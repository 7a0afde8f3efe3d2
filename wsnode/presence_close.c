/*
 * Closes. They are kept until Redis has answered, also while it is away, and go out through a
 * window: when a network fails, all sessions end at once. A close never overtakes the open of its
 * session.
 */
#include <stdio.h>
#include <stdlib.h>

#include "shared/clock.h"
#include "wsnode/presence_state.h"

/* Kept while Redis is away; beyond them the oldest entries are left to expire. */
#define CLOSINGS_MAX 100000
#define CLOSE_RETRY_MS 250

/* Those that failed come first: they are older. NULL: there is none, or none of these is due. */
static struct closing *take_next(struct presence *p, int64_t now_ms)
{
    struct closing_queue *queue = &p->failed_closings;
    struct closing *c = TAILQ_FIRST(queue);

    if (!c || c->due_ms > now_ms) {
        queue = &p->closings;
        c = TAILQ_FIRST(queue);
    }
    if (c) {
        TAILQ_REMOVE(queue, c, link);
        p->closings_count--;
    }
    return c;
}

static void keep(struct presence *p, struct closing_queue *queue, struct closing *c)
{
    TAILQ_INSERT_TAIL(queue, c, link);
    p->closings_count++;
    if (p->closings_count > CLOSINGS_MAX) {
        free(take_next(p, INT64_MAX));
    }
}

static void try_again_later(struct presence *p, struct closing *c, int64_t now_ms)
{
    c->due_ms = now_ms + CLOSE_RETRY_MS;
    keep(p, &p->failed_closings, c);
}

static void after_close(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct presence *p = n->presence;
    struct closing *c = arg;
    int64_t now_ms = clock_mono_ms();

    (void)reply;
    p->pending--;
    window_answered(&p->closes, now_ms - c->sent_ms, n->config->redis_command_timeout_ms);
    if (err) {
        try_again_later(p, c, now_ms);
    } else {
        free(c);
    }
    presence_send_closings(n, now_ms);
}

/* A failover must not bring back who has gone, for as long as an entry lives. What a node that ends
 * leaves does not count without its lease, and its end does not wait for replicas. */
static enum err run(struct node *n, struct command *c, struct closing *closing)
{
    return n->draining ? presence_run(n, c, after_close, closing)
                       : presence_run_confirmed(n, c, after_close, closing);
}

static void send_closing(struct node *n, struct closing *closing, int64_t now_ms)
{
    struct presence *p = n->presence;
    struct command c;

    command_init(&c);
    registry_close_command(
        &c, n->config->redis_prefix, closing->user_id, closing->session_id, n->id, n->boot);
    if (run(n, &c, closing)) {
        try_again_later(p, closing, now_ms); /* others may have another server */
    } else {
        closing->sent_ms = now_ms;
        window_sent(&p->closes);
    }
}

void presence_send_closings(struct node *n, int64_t now_ms)
{
    struct presence *p = n->presence;
    struct closing *c;

    while (window_is_open(&p->closes) && redis_async_is_ready(n->redis) &&
           (c = take_next(p, now_ms))) {
        send_closing(n, c, now_ms);
    }
}

void presence_send_close(struct node *n, const char *user_id, const char *session_id)
{
    struct closing *c = calloc(1, sizeof(*c));
    int64_t now_ms = clock_mono_ms();

    if (!c) {
        return; /* the entry expires, or a sender meets it */
    }
    (void)snprintf(c->session_id, sizeof(c->session_id), "%s", session_id);
    (void)snprintf(c->user_id, sizeof(c->user_id), "%s", user_id);
    keep(n->presence, &n->presence->closings, c);
    presence_send_closings(n, now_ms);
}

void presence_close(struct node *n, struct session *s)
{
    struct address address;

    presence_flush_ack(n, s);
    if (!presence_end_opening(n, s)) {
        session_table_address(s, &address);
        presence_send_close(n, address.user_id, s->id);
    }
}

void presence_end_closings(struct presence *p)
{
    struct closing *c;

    while ((c = take_next(p, INT64_MAX))) {
        free(c);
    }
}
