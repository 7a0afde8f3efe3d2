/*
 * How fast a drain closes sessions: evenly over its time, however many join or leave meanwhile.
 * Only numbers; node_stop.c does the closing.
 */
#ifndef WSNODE_DRAIN_PACE_H
#define WSNODE_DRAIN_PACE_H

#include <stdint.h>

struct drain_pace {
    int64_t end_ms; /* monotonic */
    int64_t time_ms;
    int64_t total; /* sessions that were there at the beginning, or came since */
    int64_t open;  /* that the last call left open */
};

/* open: sessions that are not being closed yet. time_ms is more than 0. */
void drain_pace_init(struct drain_pace *p, int64_t now_ms, int64_t time_ms, int64_t open);
/* How many of the open ones the caller must close now. From end_ms on: all. */
int64_t drain_pace_due(struct drain_pace *p, int64_t now_ms, int64_t open);

#endif
