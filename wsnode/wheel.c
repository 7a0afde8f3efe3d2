/*
 * The hand moves from bucket to bucket; `at` is where it is inside of one, so that nothing is
 * looked at twice.
 */
#include "wsnode/wheel.h"

#include <assert.h>
#include <stddef.h>

static struct wheel_bucket *bucket_of(struct wheel *w, int64_t second)
{
    return &w->buckets[(uint64_t)second % WHEEL_BUCKETS];
}

void wheel_init(struct wheel *w, int64_t now_s)
{
    for (int i = 0; i < WHEEL_BUCKETS; i++) {
        LIST_INIT(&w->buckets[i]);
    }
    w->hand_s = now_s;
    w->at = NULL;
    w->count = 0;
}

void wheel_add(struct wheel *w, struct wheel_entry *e, int64_t due_s)
{
    /* What is due already waits for the next second: the hand has passed its bucket. */
    int64_t second = due_s > w->hand_s ? due_s : w->hand_s + 1;

    assert(e->due_s == 0 && due_s > 0);
    e->due_s = due_s;
    LIST_INSERT_HEAD(bucket_of(w, second), e, link);
    w->count++;
}

void wheel_remove(struct wheel *w, struct wheel_entry *e)
{
    if (e->due_s == 0) {
        return;
    }
    if (w->at == e) {
        w->at = LIST_NEXT(e, link);
    }
    LIST_REMOVE(e, link);
    e->due_s = 0;
    w->count--;
}

/* Back, or forward by more than a turn: one turn looks at everything. */
static void follow_jump(struct wheel *w, int64_t now_s)
{
    if (now_s < w->hand_s || now_s - w->hand_s > WHEEL_BUCKETS) {
        w->hand_s = now_s - WHEEL_BUCKETS;
        w->at = NULL;
    }
}

/* Mostly it is there already; not so what was late when it was added, by a clock that then went
 * back. */
static void put_in_its_bucket(struct wheel *w, struct wheel_entry *e)
{
    LIST_REMOVE(e, link);
    LIST_INSERT_HEAD(bucket_of(w, e->due_s), e, link);
}

struct wheel_entry *wheel_take_due(struct wheel *w, int64_t now_s)
{
    follow_jump(w, now_s);
    for (;;) {
        while (w->at) {
            struct wheel_entry *e = w->at;
            w->at = LIST_NEXT(e, link);
            if (e->due_s <= now_s) {
                wheel_remove(w, e);
                return e;
            }
            put_in_its_bucket(w, e);
        }
        if (w->hand_s >= now_s) {
            return NULL;
        }
        w->hand_s++;
        w->at = LIST_FIRST(bucket_of(w, w->hand_s));
    }
}
