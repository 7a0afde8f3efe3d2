/*
 * Due times in a queue. All entries of a ring have the same interval and the clock never goes back,
 * so the end of the queue is always the latest and nothing is ever sorted.
 */
#include "wsnode/ring.h"

#include <assert.h>
#include <stddef.h>

void ring_init(struct ring *r, int64_t interval_ms)
{
    TAILQ_INIT(&r->entries);
    r->interval_ms = interval_ms;
    r->count = 0;
}

void ring_add(struct ring *r, struct ring_entry *e, int64_t now_ms)
{
    assert(e->due_ms == 0);
    e->due_ms = now_ms + r->interval_ms;
    TAILQ_INSERT_TAIL(&r->entries, e, link);
    r->count++;
}

void ring_remove(struct ring *r, struct ring_entry *e)
{
    if (e->due_ms == 0) {
        return;
    }
    TAILQ_REMOVE(&r->entries, e, link);
    e->due_ms = 0;
    r->count--;
}

void ring_touch(struct ring *r, struct ring_entry *e, int64_t now_ms)
{
    ring_remove(r, e);
    ring_add(r, e, now_ms);
}

struct ring_entry *ring_first_due(const struct ring *r, int64_t now_ms)
{
    struct ring_entry *e = TAILQ_FIRST(&r->entries);

    return e && e->due_ms <= now_ms ? e : NULL;
}

struct ring_entry *ring_first(const struct ring *r)
{
    return TAILQ_FIRST(&r->entries);
}
