/*
 * A straight line from all sessions at the beginning to none at the end: what is above it is due.
 * Rounded down, so that the only session of a quiet node does not keep it waiting for the end.
 */
#include "wsnode/drain_pace.h"

#include <assert.h>

void drain_pace_init(struct drain_pace *p, int64_t now_ms, int64_t time_ms, int64_t open)
{
    assert(time_ms > 0);
    *p = (struct drain_pace){
        .end_ms = now_ms + time_ms, .time_ms = time_ms, .total = open, .open = open};
}

int64_t drain_pace_due(struct drain_pace *p, int64_t now_ms, int64_t open)
{
    int64_t left_ms = now_ms < p->end_ms ? p->end_ms - now_ms : 0;

    /* Newcomers raise the line; else as many others would have to go at once to make up for them.
     */
    p->total += open > p->open ? open - p->open : 0;
    int64_t stay = p->total * left_ms / p->time_ms;
    int64_t due = open > stay ? open - stay : 0;
    p->open = open - due;
    return due;
}
