/*
 * Token buckets. A key is remembered for as long as its bucket is not full: a second.
 */
#include "wsnode/rate_table.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "wsnode/hash.h"

#define BUCKET_MS 1000
#define CREDIT_PER_TOKEN 1000

struct rate_entry {
    UT_hash_handle hh;
    struct ring_entry idle;
    struct rate_bucket bucket;
    char key[];
};

void rate_bucket_init(struct rate_bucket *b, int64_t per_second, int64_t now_ms)
{
    *b = (struct rate_bucket){.credit = per_second * CREDIT_PER_TOKEN, .at_ms = now_ms};
}

/* Per millisecond, a thousandth of what comes per second: exactly the unit of credit. */
bool rate_bucket_refill(struct rate_bucket *b, int64_t per_second, int64_t now_ms)
{
    int64_t elapsed_ms = now_ms - b->at_ms;

    if (elapsed_ms >= BUCKET_MS) {
        rate_bucket_init(b, per_second, now_ms);
    } else {
        int64_t credit = b->credit + elapsed_ms * per_second;
        int64_t most = per_second * CREDIT_PER_TOKEN;
        *b = (struct rate_bucket){.credit = credit < most ? credit : most, .at_ms = now_ms};
    }
    return b->credit >= CREDIT_PER_TOKEN;
}

void rate_bucket_take(struct rate_bucket *b)
{
    b->credit -= CREDIT_PER_TOKEN;
}

static void forget(struct rate_table *t, struct ring_entry *idle)
{
    struct rate_entry *e =
        (struct rate_entry *)(void *)((char *)idle - offsetof(struct rate_entry, idle));

    ring_remove(&t->idle, idle);
    HASH_DELETE(hh, t->entries, e);
    free(e);
}

static void forget_idle(struct rate_table *t, int64_t now_ms)
{
    struct ring_entry *idle;

    while ((idle = ring_first_due(&t->idle, now_ms))) {
        forget(t, idle);
    }
}

/* Borrowed; NULL: no memory. */
static struct rate_entry *add(struct rate_table *t, struct slice key, int64_t now_ms)
{
    struct rate_entry *e = calloc(1, sizeof(*e) + key.len);

    if (!e) {
        return NULL;
    }
    memcpy(e->key, key.at, key.len);
    rate_bucket_init(&e->bucket, t->per_second, now_ms);
    HASH_ADD_KEYPTR(hh, t->entries, e->key, key.len, e);
    if (!hash_has(e, hh)) {
        free(e);
        return NULL;
    }
    ring_add(&t->idle, &e->idle, now_ms);
    if (t->idle.count > RATE_TABLE_KEYS_MAX) {
        forget(t, ring_first(&t->idle));
    }
    return e;
}

void rate_table_init(struct rate_table *t, int64_t per_second)
{
    *t = (struct rate_table){.per_second = per_second};
    ring_init(&t->idle, BUCKET_MS);
}

void rate_table_finish(struct rate_table *t)
{
    forget_idle(t, INT64_MAX);
}

struct rate_entry *rate_table_need(struct rate_table *t, struct slice key, int64_t now_ms)
{
    struct rate_entry *e;

    if (t->per_second == 0) {
        return NULL;
    }
    forget_idle(t, now_ms);
    HASH_FIND(hh, t->entries, key.at, key.len, e);
    return e ? e : add(t, key, now_ms);
}

bool rate_entry_refill(struct rate_table *t, struct rate_entry *e, int64_t now_ms)
{
    return rate_bucket_refill(&e->bucket, t->per_second, now_ms);
}

void rate_entry_take(struct rate_table *t, struct rate_entry *e, int64_t now_ms)
{
    rate_bucket_take(&e->bucket);
    ring_touch(&t->idle, &e->idle, now_ms);
}
