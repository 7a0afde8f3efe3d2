/*
 * The sender's counters, and how many requests ended with which error of errors.def.
 */
#include "fcgi-send/stats.h"

#include <inttypes.h>

#define STAT(name, type, metric, help) {"socketsend_send_" metric, help, STAT_##type, 0},
struct stat_value send_stats[SEND_STAT_COUNT] = {
#include "fcgi-send/stats.def"
};
#undef STAT

struct histogram send_duration = {
    .name = "socketsend_send_duration_seconds",
    .help = "How long POST /socketSend took, from the request's headers to the answer",
};

static _Atomic int64_t errors[ERR_COUNT];

void send_stats_count_error(enum err err)
{
    atomic_fetch_add_explicit(&errors[err], 1, memory_order_relaxed);
}

static void render_errors(struct buf *out)
{
    static const char name[] = "socketsend_send_errors_total";

    buf_addf(out, "# HELP %s Requests answered with an error\n# TYPE %s counter\n", name, name);
    for (int err = ERR_OK + 1; err < ERR_COUNT; err++) {
        buf_addf(out, "%s{code=\"%d\"} %" PRId64 "\n", name, err_code((enum err)err),
            atomic_load_explicit(&errors[err], memory_order_relaxed));
    }
}

void send_stats_render(struct buf *out)
{
    stats_render(out, send_stats, SEND_STAT_COUNT);
    render_errors(out);
    histogram_render(out, &send_duration);
}
