/*
 * A table and a ring of the same entries: the ring's order is that of age.
 */
#include "wsnode/hook_cache.h"

#include <stdlib.h>
#include <string.h>

#include "wsnode/hash.h"

struct hook_cached {
    UT_hash_handle by_digest;
    struct ring_entry age;
    unsigned char digest[HOOK_DIGEST_BYTES];
    struct hook_answer answer;
};

void hook_cache_init(struct hook_cache *c, int64_t lifetime_ms)
{
    c->answers = NULL;
    ring_init(&c->ages, lifetime_ms);
}

static void drop(struct hook_cache *c, struct hook_cached *cached)
{
    HASH_DELETE(by_digest, c->answers, cached);
    ring_remove(&c->ages, &cached->age);
    free(cached);
}

static struct hook_cached *cached_of(struct ring_entry *e)
{
    return (struct hook_cached *)(void *)((char *)e - offsetof(struct hook_cached, age));
}

static void drop_old(struct hook_cache *c, int64_t now_ms)
{
    struct ring_entry *e;

    while ((e = ring_first_due(&c->ages, now_ms))) {
        drop(c, cached_of(e));
    }
}

void hook_cache_finish(struct hook_cache *c)
{
    drop_old(c, INT64_MAX);
}

static struct hook_cached *find(struct hook_cache *c, const unsigned char *digest)
{
    struct hook_cached *found;

    HASH_FIND(by_digest, c->answers, digest, HOOK_DIGEST_BYTES, found);
    return found;
}

const struct hook_answer *hook_cache_find(
    struct hook_cache *c, const unsigned char digest[static HOOK_DIGEST_BYTES], int64_t now_ms)
{
    drop_old(c, now_ms);
    const struct hook_cached *found = find(c, digest);
    return found ? &found->answer : NULL;
}

void hook_cache_put(struct hook_cache *c, const unsigned char digest[static HOOK_DIGEST_BYTES],
    const struct hook_answer *answer, int64_t now_ms)
{
    if (c->ages.interval_ms == 0) {
        return;
    }
    struct hook_cached *before = find(c, digest);
    if (before) {
        drop(c, before);
    }
    if (c->ages.count == HOOK_CACHE_MAX) {
        drop(c, cached_of(ring_first(&c->ages)));
    }
    struct hook_cached *cached = calloc(1, sizeof(*cached));
    if (!cached) {
        return;
    }
    memcpy(cached->digest, digest, HOOK_DIGEST_BYTES);
    cached->answer = *answer;
    HASH_ADD(by_digest, c->answers, digest, HOOK_DIGEST_BYTES, cached);
    if (!hash_has(cached, by_digest)) {
        free(cached);
        return;
    }
    ring_add(&c->ages, &cached->age, now_ms);
}
