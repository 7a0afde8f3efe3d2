/*
 * Times in microseconds, kept one by one, for percentiles. Not safe from several threads.
 */
#ifndef BENCH_TIMES_H
#define BENCH_TIMES_H

#include <stddef.h>
#include <stdint.h>

/* All zero is empty. */
struct times {
    int64_t *us; /* owned */
    size_t count, cap;
};

void times_add(struct times *t, int64_t us);
void times_add_all(struct times *t, const struct times *more);
/* The percentile in milliseconds, 100 is the longest; 0 if there are none. Sorts. */
double times_ms(struct times *t, double percent);
/* Forgets all. */
void times_finish(struct times *t);

#endif
