/*
 * Closes. They are kept until Redis has answered, also while it is away, and go out through a
 * window: when a network fails, all sessions end at once. A close never overtakes the open of its
 * session.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "wsnode/presence_state.h"

/* Kept while Redis is away; beyond them the oldest entries are left to expire. */
#define CLOSINGS_MAX 100000
#define CLOSE_RETRY_MS 250

static void take_out(struct presence *p, struct closing *c)
{
    TAILQ_REMOVE(&p->closings, c, link);
    p->closings_count--;
}

static void put_back(struct presence *p, struct closing *c, int64_t due_ms)
{
    c->due_ms = due_ms;
    TAILQ_INSERT_TAIL(&p->closings, c, link);
    p->closings_count++;
    if (p->closings_count > CLOSINGS_MAX) {
        struct closing *oldest = TAILQ_FIRST(&p->closings);
        take_out(p, oldest);
        free(oldest);
    }
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
        put_back(p, c, now_ms + CLOSE_RETRY_MS);
    } else {
        free(c);
    }
    presence_send_closings(n, now_ms);
}

static void send_closing(struct node *n, struct closing *closing, int64_t now_ms)
{
    struct presence *p = n->presence;
    struct command c;

    take_out(p, closing);
    command_init(&c);
    registry_close_command(
        &c, n->config->redis_prefix, closing->user_id, closing->session_id, n->id, n->boot);
    if (presence_run(n, &c, after_close, closing)) {
        put_back(p, closing, now_ms + CLOSE_RETRY_MS);
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
           (c = TAILQ_FIRST(&p->closings)) && c->due_ms <= now_ms) {
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
    put_back(n->presence, c, now_ms);
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

    while ((c = TAILQ_FIRST(&p->closings))) {
        take_out(p, c);
        free(c);
    }
}
