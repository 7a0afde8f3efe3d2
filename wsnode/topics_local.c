/*
 * A group is in one of three rings, or asked about: due (new, or to be left), retries (Redis did
 * not confirm it), refreshes (it is in Redis, until session_ttl is over).
 */
#include "wsnode/topics_local.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "wsnode/hash.h"
#include "wsnode/node.h"

#define RETRY_MS 250

struct topic_local {
    UT_hash_handle hh;
    struct ring_entry due;
    struct ring *ring; /* the one that `due` is in; NULL: it is asked about */
    TAILQ_HEAD(topic_waiters, topic_waiter) waiters;
    int64_t members;
    int64_t until_ms; /* wall clock: of what Redis was told last; 0: of nothing yet */
    int64_t order_ms; /* of the last order to end its members */
    bool joined;      /* Redis has confirmed it, and not been told of the end */
    bool asked_to_join;
    bool asked_first; /* Redis had been told nothing before */
    bool again;       /* what is asked now may be lost already */
    bool has_news;    /* that what is asked now may not know yet */
    char name[];
};

#define topic_of(entry)                                                                            \
    ((struct topic_local *)(void *)((char *)(entry)-offsetof(struct topic_local, due)))

void topics_local_init(struct topics_local *t, int64_t session_ttl_ms)
{
    *t = (struct topics_local){.session_ttl_ms = session_ttl_ms};
    ring_init(&t->due, 0);
    ring_init(&t->retries, RETRY_MS);
    ring_init(&t->refreshes, session_ttl_ms / 3);
}

static void put(struct topic_local *topic, struct ring *ring, int64_t now_ms)
{
    if (topic->ring) {
        ring_remove(topic->ring, &topic->due);
    }
    topic->ring = ring;
    ring_add(ring, &topic->due, now_ms);
}

static void destroy(struct topics_local *t, struct topic_local *topic)
{
    if (topic->ring) {
        ring_remove(topic->ring, &topic->due);
    }
    assert(t->by_name);
    HASH_DELETE(hh, t->by_name, topic);
    free(topic);
}

void topics_local_finish(struct topics_local *t)
{
    struct topic_local *topic;
    struct topic_local *next;

    HASH_ITER(hh, t->by_name, topic, next)
    {
        assert(TAILQ_EMPTY(&topic->waiters));
        destroy(t, topic);
    }
}

static struct topic_local *find(const struct topics_local *t, const char *group)
{
    struct topic_local *topic;

    HASH_FIND(hh, t->by_name, group, strlen(group), topic);
    return topic;
}

/* NULL: no memory. */
static struct topic_local *create(struct topics_local *t, const char *group, int64_t now_ms)
{
    size_t len = strlen(group);
    struct topic_local *topic = calloc(1, sizeof(*topic) + len + 1);

    if (!topic) {
        return NULL;
    }
    TAILQ_INIT(&topic->waiters);
    memcpy(topic->name, group, len + 1);
    HASH_ADD_KEYPTR(hh, t->by_name, topic->name, len, topic);
    if (!hash_has(topic, hh)) {
        free(topic);
        return NULL;
    }
    put(topic, &t->due, now_ms);
    return topic;
}

enum err topics_local_join(struct topics_local *t, const char *group, int64_t now_ms)
{
    struct topic_local *topic = find(t, group);

    if (!topic && !(topic = create(t, group, now_ms))) {
        return ERR_NO_MEMORY;
    }
    topic->members++;
    return ERR_OK;
}

void topics_local_leave(struct topics_local *t, const char *group, int64_t now_ms)
{
    struct topic_local *topic = find(t, group);

    assert(topic && topic->members > 0);
    topic->members--;
    if (topic->members > 0 || !topic->ring) {
        return;
    }
    if (topic->until_ms == 0) {
        destroy(t, topic); /* Redis never heard of it */
    } else {
        put(topic, &t->due, now_ms);
    }
}

int64_t topics_local_members(const struct topics_local *t, const char *group)
{
    const struct topic_local *topic = find(t, group);

    return topic ? topic->members : 0;
}

bool topics_local_await(struct topics_local *t, const char *group, struct topic_waiter *w)
{
    struct topic_local *topic = find(t, group);

    assert(topic && topic->members > 0 && !w->topic);
    if (topic->joined) {
        return true;
    }
    w->topic = topic;
    TAILQ_INSERT_TAIL(&topic->waiters, w, link);
    return false;
}

void topics_local_cancel(struct topic_waiter *w)
{
    if (w->topic) {
        TAILQ_REMOVE(&w->topic->waiters, w, link);
        w->topic = NULL;
    }
}

void topics_local_tell_again(struct topics_local *t, int64_t now_ms)
{
    for (struct topic_local *topic = t->by_name; topic; topic = topic->hh.next) {
        topic->joined = false;
        if (topic->ring) {
            put(topic, &t->due, now_ms);
        } else {
            topic->again = true;
        }
    }
}

void topics_local_tell_now(struct topics_local *t, const char *group, int64_t now_ms)
{
    struct topic_local *topic = find(t, group);

    if (topic && topic->ring) {
        put(topic, &t->due, now_ms);
    } else if (topic) {
        topic->has_news = true;
    }
}

struct topic_local *topics_local_next(struct topics_local *t, int64_t now_ms)
{
    struct ring *const rings[] = {&t->due, &t->retries, &t->refreshes};
    struct ring_entry *e = NULL;

    for (size_t i = 0; !e && i < sizeof(rings) / sizeof(rings[0]); i++) {
        e = ring_first_due(rings[i], now_ms);
    }
    if (!e) {
        return NULL;
    }
    struct topic_local *topic = topic_of(e);
    ring_remove(topic->ring, &topic->due);
    topic->ring = NULL;
    topic->asked_to_join = topic->members > 0;
    topic->joined = topic->joined && topic->asked_to_join;
    t->asking++;
    return topic;
}

const char *topics_local_name(const struct topic_local *topic)
{
    return topic->name;
}

bool topics_local_has_members(const struct topic_local *topic)
{
    return topic->members > 0;
}

int64_t topics_local_until_ms(struct topics_local *t, struct topic_local *topic, int64_t wall_ms)
{
    int64_t until_ms = wall_ms + t->session_ttl_ms;

    topic->asked_first = topic->until_ms == 0;
    topic->until_ms = until_ms > topic->until_ms ? until_ms : topic->until_ms + 1;
    return topic->until_ms;
}

/* They may wait for another group next, or end. */
static void tell_waiters(struct node *n, struct topic_local *topic)
{
    struct topic_waiter *w;

    while ((w = TAILQ_FIRST(&topic->waiters))) {
        topics_local_cancel(w);
        w->on_joined(n, w);
    }
}

/* What could not be left expires by itself; until then it costs its senders a forward. */
static void after_leave(struct topics_local *t, struct topic_local *topic, int64_t now_ms)
{
    if (topic->members > 0) {
        put(topic, &t->due, now_ms);
    } else {
        destroy(t, topic);
    }
}

void topics_local_after(struct node *n, struct topic_local *topic, bool ok, int64_t now_ms)
{
    struct topics_local *t = &n->topics;
    bool again = topic->again;
    bool has_news = topic->has_news;

    t->asking--;
    topic->again = topic->has_news = false;
    if (!topic->asked_to_join) {
        after_leave(t, topic, now_ms);
    } else if (topic->members == 0 || again) {
        put(topic, &t->due, now_ms);
    } else if (!ok) {
        put(topic, &t->retries, now_ms);
    } else {
        topic->joined = true;
        put(topic, has_news ? &t->due : &t->refreshes, now_ms);
        tell_waiters(n, topic); /* last: its last member may leave, and end it */
    }
}

bool topics_local_take_order(
    struct topics_local *t, const char *group, int64_t at_ms, bool told_by_join)
{
    struct topic_local *topic = find(t, group);

    if (!topic || at_ms <= topic->order_ms) {
        return false;
    }
    topic->order_ms = at_ms;
    return !(told_by_join && topic->asked_first);
}

int64_t topics_local_count(const struct topics_local *t)
{
    return (int64_t)HASH_CNT(hh, t->by_name);
}

void topics_local_each(
    const struct topics_local *t, void (*fn)(const char *group, void *arg), void *arg)
{
    for (const struct topic_local *topic = t->by_name; topic; topic = topic->hh.next) {
        if (topic->members > 0) {
            fn(topic->name, arg);
        }
    }
}

int64_t topics_local_pending(const struct topics_local *t)
{
    return t->due.count + t->asking;
}
