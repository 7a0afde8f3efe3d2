/*
 * Presence as a whole: its life, its ticks, and refreshes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "wsnode/presence_state.h"

#define ACK_INTERVAL_MS 100

struct request *presence_request_create(const struct session *s)
{
    struct request *r = calloc(1, sizeof(*r));
    struct address address;

    if (r) {
        session_table_address(s, &address);
        memcpy(r->session_id, s->id, sizeof(r->session_id));
        (void)snprintf(r->user_id, sizeof(r->user_id), "%s", address.user_id);
    }
    return r;
}

static enum err after_run(struct node *n, struct command *c, enum err err)
{
    command_finish(c);
    n->presence->pending += err == ERR_OK;
    return err;
}

enum err presence_run(struct node *n, struct command *c, redis_async_done *done, void *arg)
{
    return after_run(n, c, redis_async_run(n->redis, c, done, arg));
}

enum err presence_run_confirmed(
    struct node *n, struct command *c, redis_async_done *done, void *arg)
{
    return after_run(n, c, redis_async_run_confirmed(n->redis, c, done, arg));
}

/* Ends the awaiting of an answer: the session, if it is still there. */
struct session *presence_take_answer(struct node *n, struct request *r)
{
    struct session *s = session_table_find(&n->table, r->session_id);

    n->presence->pending--;
    free(r);
    return s;
}

void presence_describe_node(const struct node *n, struct registry_entry *e)
{
    memcpy(e->addr, n->addr, sizeof(e->addr));
    memcpy(e->node_id, n->id, sizeof(e->node_id));
    memcpy(e->boot, n->boot, sizeof(e->boot));
}

void presence_describe(const struct node *n, const struct session *s, struct registry_entry *e)
{
    presence_describe_node(n, e);
    memcpy(e->session_id, s->id, sizeof(e->session_id));
    session_table_address(s, &e->address);
    e->since_ms = s->since_ms;
    e->until_ms = clock_wall_ms() + n->config->registry_session_ttl_ms;
}

const struct registry_token *presence_describe_token(
    const struct session *s, struct registry_token *out)
{
    if (!s->grant) {
        return NULL;
    }
    *out = (struct registry_token){.id = s->grant->id, .issued_ms = s->grant->issued_ms};
    return out;
}

struct inbox_limits presence_page_limits(const struct node *n)
{
    return (struct inbox_limits){
        .entries = n->config->inbox_page_messages, .bytes = n->config->node_queue_max_bytes};
}

/* What was sent again, because of a redirection or a script that Redis did not have, came after a
 * close that was not, and wrote the entry of a session that had gone. */
static void undo_if_late(struct node *n, const struct request *r)
{
    const struct session *s = session_table_find(&n->table, r->session_id);

    if (!s || s->state == SESSION_CLOSING) {
        presence_send_close(n, r->user_id, r->session_id);
    }
}

static void after_refresh(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct request *r = arg;
    struct registry_refreshed refreshed;
    struct message_id watermark = r->watermark;

    undo_if_late(n, r);
    struct session *s = presence_take_answer(n, r);

    if (s) {
        s->refreshing = false;
    }
    if (err || registry_refresh_decode(reply, &refreshed)) {
        n->presence->refresh_failed = true;
        return;
    }
    if (s && s->checks) {
        session_check(n, s);
    }
    if (s) {
        session_after_refresh(n, s, &refreshed, watermark);
    }
}

void presence_refresh(struct node *n, struct session *s)
{
    struct registry_entry entry;
    struct registry_token token;
    struct command c;

    struct request *r = presence_request_create(s);
    if (!r) {
        return;
    }
    r->watermark = s->watermark;
    presence_describe(n, s, &entry);
    command_init(&c);
    registry_refresh_command(&c, n->config->redis_prefix, &entry,
        n->config->registry_session_ttl_ms, (enum on_duplicate_mode)n->config->node_on_duplicate,
        presence_describe_token(s, &token));
    if (presence_run(n, &c, after_refresh, r)) {
        n->presence->refresh_failed = true;
        free(r);
    } else {
        s->refreshing = true;
    }
}

static bool opens_look_at_others(const struct config *c)
{
    return c->node_on_duplicate != ON_DUPLICATE_ALLOW || c->node_max_sessions_per_user > 0 ||
           c->node_max_sessions_per_key > 0;
}

enum err presence_create(struct node *n)
{
    struct presence *p = calloc(1, sizeof(*p));

    if (!p) {
        return ERR_NO_MEMORY;
    }
    window_init(&p->opens);
    window_init(&p->tellings);
    window_init(&p->topic_fetches);
    window_init(&p->closes);
    window_init(&p->fetches);
    TAILQ_INIT(&p->waiting);
    TAILQ_INIT(&p->failed_opens);
    TAILQ_INIT(&p->waiting_topics);
    TAILQ_INIT(&p->failed_topics);
    TAILQ_INIT(&p->closings);
    TAILQ_INIT(&p->failed_closings);
    TAILQ_INIT(&p->waiting_fetches);
    TAILQ_INIT(&p->failed);
    TAILQ_INIT(&p->retries);
    if (opens_look_at_others(n->config)) {
        p->live_nodes = live_nodes_create(n);
        if (!p->live_nodes) {
            free(p);
            return ERR_NO_MEMORY;
        }
    }
    n->presence = p;
    return ERR_OK;
}

void presence_destroy(struct node *n)
{
    struct presence *p = n->presence;

    if (!p) {
        return;
    }
    presence_end_openings(p);
    presence_end_closings(p);
    presence_end_requests(p);
    presence_end_topic_fetches(p);
    live_nodes_destroy(p->live_nodes);
    free(p);
    n->presence = NULL;
}

void presence_on_redis_ready(struct node *n, bool data_lost)
{
    struct presence *p = n->presence;
    int64_t now_ms = clock_mono_ms();

    if (data_lost || p->refresh_failed) {
        n->register_again_before_ms = now_ms;
        topics_local_tell_again(&n->topics, now_ms);
        p->refresh_failed = false;
    }
    presence_send_topics(n, now_ms);
    presence_send_waiting(n, now_ms);
}

void presence_on_tick(struct node *n, int64_t now_ms)
{
    struct presence *p = n->presence;

    if (p->live_nodes) {
        live_nodes_on_tick(p->live_nodes, now_ms);
    }
    presence_send_topics(n, now_ms);
    presence_send_waiting(n, now_ms);
    presence_send_closings(n, now_ms);
    presence_retry_topic_fetches(n, now_ms);
    presence_tell_failed_fetches(n);
    presence_retry_fetches(n, now_ms);
    if (now_ms >= p->acks_due_ms) {
        p->acks_due_ms = now_ms + ACK_INTERVAL_MS;
        presence_flush_acks(n);
    }
}

int64_t presence_pending_count(const struct node *n)
{
    const struct presence *p = n->presence;

    return p->pending + p->closings_count + (int64_t)HASH_CNT(by_key, p->acks) +
           topics_local_pending(&n->topics);
}
