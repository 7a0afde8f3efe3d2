/*
 * The node's counters and gauges, made from stats.def.
 */
#include "wsnode/stats.h"

struct stat_value node_stats[NODE_STAT_COUNT] = {
#define STAT(id, kind, metric, text)                                                               \
    {.name = "socketsend_node_" metric, .help = (text), .type = STAT_##kind},
#include "wsnode/stats.def"
#undef STAT
};
