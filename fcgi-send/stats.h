/*
 * The sender's counters: stats.def. send_stat_add(forwards, 1).
 */
#ifndef FCGI_SEND_STATS_H
#define FCGI_SEND_STATS_H

#include "shared/stats.h"

enum send_stat {
#define STAT(name, ...) SEND_STAT_##name,
#include "fcgi-send/stats.def"
#undef STAT
    SEND_STAT_COUNT
};
extern struct stat_value send_stats[SEND_STAT_COUNT];
extern struct histogram send_duration; /* of POST /socketSend */

#define send_stat_add(name, by) stats_add(&send_stats[SEND_STAT_##name], by)

void send_stats_count_error(enum err err);
/* Everything, in the Prometheus text format. */
void send_stats_render(struct buf *out);

#endif
