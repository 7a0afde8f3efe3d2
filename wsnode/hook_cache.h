/*
 * Answers of the backend that still count, by the digest of what was asked. Bounded: the oldest
 * ones go first. No I/O.
 */
#ifndef WSNODE_HOOK_CACHE_H
#define WSNODE_HOOK_CACHE_H

#include "wsnode/hook_answer.h"
#include "wsnode/hook_question.h"
#include "wsnode/ring.h"

/* About 1.5 kB each. */
#define HOOK_CACHE_MAX 10000

struct hook_cached;
struct hook_cache {
    struct hook_cached *answers; /* uthash */
    struct ring ages;
};

void hook_cache_init(struct hook_cache *c, int64_t lifetime_ms); /* 0: keeps nothing */
void hook_cache_finish(struct hook_cache *c);
/* NULL: none. Borrowed until the next call. now_ms: monotonic, as below. */
const struct hook_answer *hook_cache_find(
    struct hook_cache *c, const unsigned char digest[static HOOK_DIGEST_BYTES], int64_t now_ms);
/* Takes the place of an earlier one. Without memory nothing is kept. */
void hook_cache_put(struct hook_cache *c, const unsigned char digest[static HOOK_DIGEST_BYTES],
    const struct hook_answer *answer, int64_t now_ms);

#endif
