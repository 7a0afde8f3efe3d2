/* The node's counters: stats.def. node_stat(sessions, +1). */
#ifndef WSNODE_STATS_H
#define WSNODE_STATS_H

#include "shared/stats.h"

enum node_stat {
#define STAT(name, ...) NODE_STAT_##name,
#include "wsnode/stats.def"
#undef STAT
    NODE_STAT_COUNT
};
extern struct stat_value node_stats[NODE_STAT_COUNT];
#define node_stat_add(name, by) stats_add(&node_stats[NODE_STAT_##name], by)
#define node_stat_set(name, value) stats_set(&node_stats[NODE_STAT_##name], value)

#endif
