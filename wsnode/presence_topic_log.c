/*
 * Fetches from the logs of topics, through a window of their own: those that find no room in it go
 * out on the next tick, or with the next fetch. What fails is tried again a little later.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/topics.h"
#include "wsnode/presence_state.h"
#include "wsnode/session_topic.h"

#define RETRY_MS 1000

/* Takes r over. */
static void fail(struct node *n, struct topic_request *r, int64_t now_ms)
{
    struct session *s = session_table_find(&n->table, r->session_id);

    if (!s) {
        free(r);
        return;
    }
    session_after_topic_fetch(n, s, r->topic, r->number, NULL);
    r->due_ms = now_ms + RETRY_MS;
    TAILQ_INSERT_TAIL(&n->presence->failed_topics, r, link);
}

static void after_fetch(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct presence *p = n->presence;
    struct topic_request *r = arg;
    struct session *s = session_table_find(&n->table, r->session_id);
    int64_t now_ms = clock_mono_ms();
    struct topics_fetched fetched;

    p->pending--;
    window_answered(&p->topic_fetches, now_ms - r->sent_ms, n->config->redis_command_timeout_ms);
    if (err || topics_fetch_decode(reply, &fetched)) {
        fail(n, r, now_ms);
    } else {
        if (s) {
            session_after_topic_fetch(n, s, r->topic, r->number, &fetched);
        }
        inbox_page_finish(&fetched.page);
        free(r);
    }
}

/* Takes r over. */
static void send_fetch(struct node *n, struct topic_request *r, int64_t now_ms)
{
    const struct session *s = session_table_find(&n->table, r->session_id);
    struct topics_fetch fetch;
    struct command c;

    if (!s || !session_topic_describe_fetch(s, r->topic, r->number, &fetch)) {
        free(r);
        return;
    }
    fetch.limits = presence_page_limits(n);
    if (n->config->redis_wait_replicas > 0) {
        fetch.touch_ms = n->config->registry_session_ttl_ms;
    }
    r->sent_ms = now_ms;
    command_init(&c);
    topics_fetch_command(&c, n->config->redis_prefix, &fetch);
    if (presence_run_confirmed(n, &c, after_fetch, r)) {
        fail(n, r, now_ms);
    } else {
        window_sent(&n->presence->topic_fetches);
    }
}

static void send_waiting(struct node *n, int64_t now_ms)
{
    struct presence *p = n->presence;
    struct topic_request *r;

    while (window_is_open(&p->topic_fetches) && (r = TAILQ_FIRST(&p->waiting_topics))) {
        TAILQ_REMOVE(&p->waiting_topics, r, link);
        send_fetch(n, r, now_ms);
    }
}

void presence_retry_topic_fetches(struct node *n, int64_t now_ms)
{
    struct topic_request_queue *failed = &n->presence->failed_topics;
    struct topic_request *r;

    send_waiting(n, now_ms);
    while (redis_async_is_ready(n->redis) && (r = TAILQ_FIRST(failed)) && r->due_ms <= now_ms) {
        struct session *s = session_table_find(&n->table, r->session_id);

        TAILQ_REMOVE(failed, r, link);
        free(r);
        if (s) {
            session_topics_catch_up(n, s);
        }
    }
}

void presence_fetch_topic(struct node *n, const struct subscription *sub)
{
    struct topic_request *r = calloc(1, sizeof(*r));

    if (!r) {
        session_after_topic_fetch(n, sub->session, topic_table_name(sub), sub->number, NULL);
        return;
    }
    memcpy(r->session_id, sub->session->id, sizeof(r->session_id));
    (void)snprintf(r->topic, sizeof(r->topic), "%s", topic_table_name(sub));
    r->number = sub->number;
    TAILQ_INSERT_TAIL(&n->presence->waiting_topics, r, link);
    send_waiting(n, clock_mono_ms());
}

static void free_all(struct topic_request_queue *queue)
{
    struct topic_request *r;

    while ((r = TAILQ_FIRST(queue))) {
        TAILQ_REMOVE(queue, r, link);
        free(r);
    }
}

void presence_end_topic_fetches(struct presence *p)
{
    free_all(&p->waiting_topics);
    free_all(&p->failed_topics);
}
