/*
 * Entries in order of due time, for intervals that are the same for all: adding and moving are
 * O(1), and so is asking for what is due, however many there are. (libwebsockets' own timers are
 * one sorted list; see docs/architecture.md.)
 */
#ifndef WSNODE_RING_H
#define WSNODE_RING_H

#include <stdint.h>
#include <sys/queue.h>

struct ring_entry {
    TAILQ_ENTRY(ring_entry) link;
    int64_t due_ms;
};

struct ring {
    TAILQ_HEAD(ring_head, ring_entry) entries;
    int64_t interval_ms;
    int64_t count;
};

void ring_init(struct ring *r, int64_t interval_ms);
/* Puts e at the end, due at now + interval. e must be in no ring: due_ms == 0 says so, and
 * ring_remove() sets it. */
void ring_add(struct ring *r, struct ring_entry *e, int64_t now_ms);
void ring_remove(struct ring *r, struct ring_entry *e); /* fine if it is in none */
void ring_touch(struct ring *r, struct ring_entry *e,
    int64_t now_ms); /* to the end: due an interval from now */
struct ring_entry *ring_first_due(const struct ring *r, int64_t now_ms); /* NULL: none yet */
struct ring_entry *ring_first(const struct ring *r);

#endif
