/*
 * Fetches and acks: what sessions want of their users' inboxes.
 */
#include <stdlib.h>
#include <string.h>

#include "shared/inbox.h"
#include "wsnode/presence_state.h"

#define ACKS_PER_TICK 1000

static void after_fetch(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct inbox_fetched fetched;
    struct session *s = presence_take_answer(n, arg);

    if (!s) {
        return;
    }
    if (err || inbox_fetch_decode(reply, &fetched)) {
        session_after_fetch(n, s, NULL);
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
        .page_messages = n->config->inbox_page_messages,
        .session_id = s->id};
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
            session_after_fetch(n, s, NULL);
        }
    }
}

static struct request *ack_find(const struct presence *p, const char *session_id)
{
    struct request *r;

    HASH_FIND(by_id, p->acks, session_id, strlen(session_id), r);
    return r;
}

static void keep_ack(struct presence *p, struct request *r)
{
    HASH_ADD(by_id, p->acks, session_id, strlen(r->session_id), r);
    if (!hash_has(r, by_id)) {
        free(r); /* no memory; the next ack of the session covers this one */
    }
}

static void after_ack(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct session *s = presence_take_answer(n, arg);

    (void)reply;
    if (err && s) {
        presence_ack(n, s); /* again, when Redis is back */
    }
}

/* Of what cannot be sent, the others get their turn first. */
static void send_ack(struct node *n, struct request *r, const struct session *s)
{
    struct address address;
    struct command c;

    HASH_DELETE(by_id, n->presence->acks, r);
    session_table_address(s, &address);
    command_init(&c);
    inbox_ack_command(&c, n->config->redis_prefix, &address, s->acked, n->config->inbox_ttl_ms);
    if (presence_run(n, &c, after_ack, r)) {
        keep_ack(n->presence, r);
    }
}

void presence_flush_acks(struct node *n)
{
    struct request *r;
    struct request *next;
    int budget = ACKS_PER_TICK;

    HASH_ITER(by_id, n->presence->acks, r, next)
    {
        const struct session *s = session_table_find(&n->table, r->session_id);
        if (budget-- == 0 || !redis_async_is_ready(n->redis)) {
            return;
        }
        if (s) {
            send_ack(n, r, s);
        } else {
            HASH_DELETE(by_id, n->presence->acks, r);
            free(r);
        }
    }
}

void presence_ack(struct node *n, struct session *s)
{
    struct presence *p = n->presence;

    if (ack_find(p, s->id)) {
        return; /* s->acked is read when it goes out */
    }
    struct request *r = presence_request_create(s);
    if (r) {
        keep_ack(p, r);
    }
}

void presence_flush_ack(struct node *n, struct session *s)
{
    struct request *r = ack_find(n->presence, s->id);

    if (r) {
        send_ack(n, r, s);
    }
}

void presence_end_requests(struct presence *p)
{
    struct request *r;
    struct request *next;

    HASH_ITER(by_id, p->acks, r, next)
    {
        HASH_DELETE(by_id, p->acks, r);
        free(r);
    }
    while ((r = TAILQ_FIRST(&p->failed))) {
        TAILQ_REMOVE(&p->failed, r, link);
        free(r);
    }
}
