/*
 * Fetches and acks: what sessions want of their users' inboxes.
 */
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/inbox.h"
#include "shared/log.h"
#include "wsnode/presence_state.h"

#define ACKS_PER_TICK 1000
/* Kept while Redis is away, or slow; what is beyond them is replayed another time. */
#define ACKS_MAX 100000
#define FETCH_RETRY_MS 1000

/* Not before that, so that a server that refuses is not asked all the time. */
static void retry_later(struct node *n, struct session *s)
{
    struct request *r = s->retries ? NULL : presence_request_create(s);

    if (r) {
        s->retries = true;
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
        if (s) {
            s->retries = false;
        }
        if (s && s->state == SESSION_REPLAYING && !s->fetching) {
            session_resync(n, s);
        }
    }
}

static void after_fetch(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct request *r = arg;
    struct inbox_fetched fetched;

    window_answered(
        &n->presence->fetches, clock_mono_ms() - r->sent_ms, n->config->redis_command_timeout_ms);
    struct session *s = presence_take_answer(n, r);
    if (s && (err || inbox_fetch_decode(reply, &fetched))) {
        fail_fetch(n, s);
    } else if (s) {
        session_after_fetch(n, s, &fetched);
        inbox_page_finish(&fetched.page);
    }
    presence_send_fetches(n);
}

/* Takes r over. */
static void send_fetch(struct node *n, const struct session *s, struct request *r)
{
    struct address address;
    struct command c;

    session_table_address(s, &address);
    struct inbox_fetch fetch = {.address = &address,
        .after = s->watermark,
        .limits = presence_page_limits(n),
        .session_id = s->id,
        .expects = s->expects};
    if (n->config->redis_wait_replicas > 0) {
        fetch.touch_ms = n->config->registry_session_ttl_ms;
    }
    if (s->replay) {
        fetch.cursors = *s->replay;
    }
    command_init(&c);
    inbox_fetch_command(&c, n->config->redis_prefix, &fetch);
    r->sent_ms = clock_mono_ms();
    if (presence_run_confirmed(n, &c, after_fetch, r)) {
        TAILQ_INSERT_TAIL(&n->presence->failed, r, link);
        n->presence->pending++; /* the answer is that it failed */
    } else {
        window_sent(&n->presence->fetches);
    }
}

void presence_send_fetches(struct node *n)
{
    struct presence *p = n->presence;
    struct request *r;

    while (window_is_open(&p->fetches) && (r = TAILQ_FIRST(&p->waiting_fetches))) {
        const struct session *s = session_table_find(&n->table, r->session_id);

        TAILQ_REMOVE(&p->waiting_fetches, r, link);
        if (s) {
            send_fetch(n, s, r);
        } else {
            free(r);
        }
    }
}

void presence_fetch(struct node *n, struct session *s)
{
    struct request *r = presence_request_create(s);

    if (!r) {
        session_close(n, s, CLOSE_RESYNC); /* it would wait for the answer for ever */
        return;
    }
    TAILQ_INSERT_TAIL(&n->presence->waiting_fetches, r, link);
    presence_send_fetches(n);
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

static struct ack *ack_find(const struct presence *p, const char *key)
{
    struct ack *a;

    HASH_FIND(by_key, p->acks, key, strlen(key), a);
    return a;
}

static void raise_ack(struct ack *a, struct message_id id)
{
    if (message_id_compare(id, a->id) > 0) {
        a->id = id;
    }
}

/* Takes it over. */
static void keep_ack(struct presence *p, struct ack *a)
{
    struct ack *other = ack_find(p, a->key);

    if (other) {
        raise_ack(other, a->id);
    }
    bool is_full = !other && HASH_CNT(by_key, p->acks) >= ACKS_MAX;
    if (is_full) {
        log_limited(
            LOG_WARN, "acknowledgements dropped: too many wait for redis", "count=%d", ACKS_MAX);
    }
    if (other || is_full) {
        free(a);
        return;
    }
    HASH_ADD(by_key, p->acks, key, strlen(a->key), a);
    if (!hash_has(a, by_key)) {
        free(a); /* no memory; the next ack covers this one */
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

    HASH_DELETE(by_key, n->presence->acks, a);
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

    HASH_ITER(by_key, n->presence->acks, a, next)
    {
        if (budget-- == 0 || !redis_async_is_ready(n->redis)) {
            return;
        }
        send_ack(n, a);
    }
}

static void ack_describe(const struct session *s, struct ack *out)
{
    *out = (struct ack){.id = s->acked, .was_excepted = s->excepted};
    session_table_address(s, &out->address);
    out->key[0] = s->excepted ? '-' : '+';
    (void)address_format_key(&out->address, out->key + 1);
}

void presence_ack(struct node *n, struct session *s)
{
    struct ack described;

    ack_describe(s, &described);
    struct ack *a = ack_find(n->presence, described.key);
    if (a) {
        raise_ack(a, described.id);
        return;
    }
    a = malloc(sizeof(*a));
    if (a) { /* else the next ack covers this one */
        *a = described;
        keep_ack(n->presence, a);
    }
}

void presence_flush_ack(struct node *n, struct session *s)
{
    struct ack described;

    ack_describe(s, &described);
    struct ack *a = ack_find(n->presence, described.key);
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

    HASH_ITER(by_key, p->acks, a, next)
    {
        HASH_DELETE(by_key, p->acks, a);
        free(a);
    }
    free_requests(&p->waiting_fetches);
    free_requests(&p->failed);
    free_requests(&p->retries);
}
