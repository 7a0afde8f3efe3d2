/*
 * Counters, gauges and histograms in the Prometheus text format. Nothing here locks: a render that
 * runs beside changes shows each value as it was at some moment of the render.
 */
#include "shared/stats.h"

#include <inttypes.h>
#include <string.h>

static const struct {
    int64_t max_us;
    const char *seconds;
} bounds[HISTOGRAM_BUCKETS] = {{500, "0.0005"}, {1000, "0.001"}, {2000, "0.002"}, {5000, "0.005"},
    {10000, "0.01"}, {20000, "0.02"}, {50000, "0.05"}, {100000, "0.1"}, {200000, "0.2"},
    {500000, "0.5"}, {1000000, "1"}, {5000000, "5"}};

void stats_add(struct stat_value *s, int64_t by)
{
    atomic_fetch_add_explicit(&s->value, by, memory_order_relaxed);
}

void stats_set(struct stat_value *s, int64_t value)
{
    atomic_store_explicit(&s->value, value, memory_order_relaxed);
}

int64_t stats_get(const struct stat_value *s)
{
    return atomic_load_explicit(&s->value, memory_order_relaxed);
}

void histogram_observe(struct histogram *h, int64_t duration_us)
{
    size_t i = 0;

    while (i < HISTOGRAM_BUCKETS && duration_us > bounds[i].max_us) {
        i++;
    }
    atomic_fetch_add_explicit(&h->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum_us, duration_us, memory_order_relaxed);
}

static size_t metric_len(const char *name)
{
    return strcspn(name, "{");
}

static void render_head(struct buf *out, const char *name, const char *help, const char *type)
{
    int len = (int)metric_len(name);

    buf_addf(out, "# HELP %.*s %s\n# TYPE %.*s %s\n", len, name, help, len, name, type);
}

static int same_metric(const struct stat_value *a, const struct stat_value *b)
{
    size_t len = metric_len(a->name);

    return len == metric_len(b->name) && memcmp(a->name, b->name, len) == 0;
}

void stats_render(struct buf *out, const struct stat_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct stat_value *s = &values[i];
        if (i == 0 || !same_metric(s, s - 1)) {
            render_head(out, s->name, s->help, s->type == STAT_COUNTER ? "counter" : "gauge");
        }
        buf_addf(out, "%s %" PRId64 "\n", s->name, stats_get(s));
    }
}

void histogram_render(struct buf *out, const struct histogram *h)
{
    int64_t sum_us = atomic_load_explicit(&h->sum_us, memory_order_relaxed);
    int64_t count = 0; /* of this bucket and all lower ones: what Prometheus calls cumulative */

    render_head(out, h->name, h->help, "histogram");
    for (size_t i = 0; i <= HISTOGRAM_BUCKETS; i++) {
        const char *bound = i < HISTOGRAM_BUCKETS ? bounds[i].seconds : "+Inf";
        count += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
        buf_addf(out, "%s_bucket{le=\"%s\"} %" PRId64 "\n", h->name, bound, count);
    }
    buf_addf(
        out, "%s_sum %" PRId64 ".%06" PRId64 "\n", h->name, sum_us / 1000000, sum_us % 1000000);
    buf_addf(out, "%s_count %" PRId64 "\n", h->name, count);
}
