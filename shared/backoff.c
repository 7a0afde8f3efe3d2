/*
 * Doubles pauses and adds chance to them.
 */
#include "shared/backoff.h"

#include <sys/random.h>

static int64_t with_jitter(int64_t pause_ms)
{
    uint32_t random = 0;
    int64_t half = pause_ms / 2;

    if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
        return pause_ms;
    }
    return half + random % (half + 1);
}

void backoff_fail(struct backoff *b, int64_t now_ms, int64_t min_ms, int64_t max_ms)
{
    int64_t pause_ms = b->pause_ms == 0 ? min_ms : b->pause_ms * 2;

    b->pause_ms = pause_ms < max_ms ? pause_ms : max_ms;
    b->due_ms = now_ms + with_jitter(b->pause_ms);
}

void backoff_reset(struct backoff *b)
{
    *b = (struct backoff){0, 0};
}
