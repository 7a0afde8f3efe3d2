/*
 * Pauses between attempts: the first one short, each next one twice as long up to a longest. Half
 * of a pause to all of it is waited, by chance, so that threads and hosts that failed together
 * don't come back together.
 */
#ifndef SHARED_BACKOFF_H
#define SHARED_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t due_ms;   /* monotonic; no attempt before it */
    int64_t pause_ms; /* the last one; 0: none since the last success */
};

void backoff_fail(struct backoff *b, int64_t now_ms, int64_t min_ms, int64_t max_ms);
void backoff_reset(struct backoff *b); /* due at once; the next pause is the shortest */

#endif
