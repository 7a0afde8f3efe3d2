/*
 * Counters, gauges and histograms, rendered in the Prometheus text format 0.0.4. A program lists
 * its own in its stats.def and defines the arrays from it. Values may be changed from any thread.
 */
#ifndef SHARED_STATS_H
#define SHARED_STATS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"

enum stat_type { STAT_COUNTER, STAT_GAUGE };

struct stat_value {
    const char *name; /* socketsend_node_sessions; may carry a label: name{code="50301"} */
    const char *help;
    enum stat_type type;
    _Atomic int64_t value;
};

#define HISTOGRAM_BUCKETS 12
/* Durations; upper bounds 0.5 ms, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000 ms, and +Inf. */
struct histogram {
    const char *name; /* …_seconds */
    const char *help;
    _Atomic int64_t buckets[HISTOGRAM_BUCKETS + 1];
    _Atomic int64_t sum_us;
};

void stats_add(struct stat_value *s, int64_t by);
void stats_set(struct stat_value *s, int64_t value);
int64_t stats_get(const struct stat_value *s);
void histogram_observe(struct histogram *h, int64_t duration_us);
/* Values of one metric that differ in their labels must stand together; # HELP and # TYPE are
 * written once. */
void stats_render(struct buf *out, const struct stat_value *values, size_t count);
void histogram_render(struct buf *out, const struct histogram *h);

#endif
