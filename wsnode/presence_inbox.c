/*
 * Fetches and acks: what sessions want of their users' inboxes.
 */
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/inbox.h"
#include "wsnode/presence_state.h"

#define ACKS_PER_TICK 1000
/* Kept while Redis is away; what is beyond them is replayed another time. */
#define ACKS_MAX 100000
#define FETCH_RETRY_MS 1000

/* Not before that, so that a server that refuses is not asked all the time. */
static void retry_later(struct node *n, const struct session *s)
{
    struct request *r = presence_request_create(s);

    if (r) {
        r->due_ms = clock_mono_ms() + FETCH_RETRY_MS;
        TAILQ_INSERT_TAIL(&n->presence->retries, r, link);
    }
}

static void fail_fetch(struct node *n, struct session *s)
{
    session_after_fetch(n, s, NULL);
    if (s->state == SESSION_REPLAYING && !s->fetching) {
        retry_later(n, s);
    }
}

/* While Redis is away they wait: what comes then may already have been fetched by another way. */
void presence_retry_fetches(struct node *n, int64_t now_ms)
{
    struct request_queue *retries = &n->presence->retries;
    struct request *r;

    while (redis_async_is_ready(n->redis) && (r = TAILQ_FIRST(retries)) && r->due_ms <= now_ms) {
        struct session *s = session_table_find(&n->table, r->session_id);

        TAILQ_REMOVE(retries, r, link);
        free(r);
        if (s && s->state == SESSION_REPLAYING && !s->fetching) {
            session_resync(n, s);
        }
    }
}

static void after_fetch(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct inbox_fetched fetched;
    struct session *s = presence_take_answer(n, arg);

    if (!s) {
        return;
    }
    if (err || inbox_fetch_decode(reply, &fetched)) {
        fail_fetch(n, s);
        return;
    }
    session_after_fetch(n, s, &fetched);
    inbox_page_finish(&fetched.page);
}

void presence_fetch(struct node *n, struct session *s)
{
    struct address address;
    struct command c;

    struct request *r = presence_request_create(s);
    if (!r) {
        session_close(n, s, CLOSE_RESYNC); /* it would wait for the answer for ever */
        return;
    }
    session_table_address(s, &address);
    struct inbox_fetch fetch = {.address = &address,
        .after = s->watermark,
        .limits = presence_page_limits(n),
        .session_id = s->id,
        .expects = s->expects};
    if (s->replay) {
        fetch.cursors = *s->replay;
    }
    command_init(&c);
    inbox_fetch_command(&c, n->config->redis_prefix, &fetch);
    if (presence_run(n, &c, after_fetch, r)) {
        TAILQ_INSERT_TAIL(&n->presence->failed, r, link);
        n->presence->pending++; /* the answer is that it failed */
    }
}

void presence_tell_failed_fetches(struct node *n)
{
    struct request_queue failed;
    struct request *r;

    /* A session may fetch again at once: that one waits for the next tick. */
    TAILQ_INIT(&failed);
    TAILQ_CONCAT(&failed, &n->presence->failed, link);
    while ((r = TAILQ_FIRST(&failed))) {
        TAILQ_REMOVE(&failed, r, link);
        struct session *s = presence_take_answer(n, r);
        if (s) {
            fail_fetch(n, s);
        }
    }
}

static struct ack *ack_find(const struct presence *p, const char *session_id)
{
    struct ack *a;

    HASH_FIND(by_id, p->acks, session_id, strlen(session_id), a);
    return a;
}

/* Takes it over. One that is there already is newer. */
static void keep_ack(struct presence *p, struct ack *a)
{
    if (ack_find(p, a->session_id) || HASH_CNT(by_id, p->acks) >= ACKS_MAX) {
        free(a);
        return;
    }
    HASH_ADD(by_id, p->acks, session_id, strlen(a->session_id), a);
    if (!hash_has(a, by_id)) {
        free(a); /* no memory; the next ack of the session covers this one */
    }
}

static void after_ack(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct ack *a = arg;

    (void)reply;
    n->presence->pending--;
    if (err) {
        keep_ack(n->presence, a);
    } else {
        free(a);
    }
}

/* Of what cannot be sent, the others get their turn first. */
static void send_ack(struct node *n, struct ack *a)
{
    const struct inbox_ack ack = {.address = &a->address,
        .id = a->id,
        .was_excepted = a->was_excepted,
        .ttl_ms = n->config->inbox_ttl_ms};
    struct command c;

    HASH_DELETE(by_id, n->presence->acks, a);
    command_init(&c);
    inbox_ack_command(&c, n->config->redis_prefix, &ack);
    if (presence_run(n, &c, after_ack, a)) {
        keep_ack(n->presence, a);
    }
}

void presence_flush_acks(struct node *n)
{
    struct ack *a;
    struct ack *next;
    int budget = ACKS_PER_TICK;

    HASH_ITER(by_id, n->presence->acks, a, next)
    {
        if (budget-- == 0 || !redis_async_is_ready(n->redis)) {
            return;
        }
        send_ack(n, a);
    }
}

static struct ack *ack_create(const struct session *s)
{
    struct ack *a = calloc(1, sizeof(*a));

    if (a) {
        memcpy(a->session_id, s->id, sizeof(a->session_id));
        session_table_address(s, &a->address);
    }
    return a;
}

void presence_ack(struct node *n, struct session *s)
{
    struct ack *a = ack_find(n->presence, s->id);
    bool is_new = !a;

    if (is_new) {
        a = ack_create(s);
    }
    if (!a) {
        return; /* no memory; the next ack of the session covers this one */
    }
    a->id = s->acked;
    a->was_excepted = s->excepted;
    if (is_new) {
        keep_ack(n->presence, a);
    }
}

void presence_flush_ack(struct node *n, struct session *s)
{
    struct ack *a = ack_find(n->presence, s->id);

    if (a) {
        send_ack(n, a);
    }
}

static void free_requests(struct request_queue *queue)
{
    struct request *r;

    while ((r = TAILQ_FIRST(queue))) {
        TAILQ_REMOVE(queue, r, link);
        free(r);
    }
}

void presence_end_requests(struct presence *p)
{
    struct ack *a;
    struct ack *next;

    HASH_ITER(by_id, p->acks, a, next)
    {
        HASH_DELETE(by_id, p->acks, a);
        free(a);
    }
    free_requests(&p->failed);
    free_requests(&p->retries);
}
