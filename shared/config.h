/*
 * The settings of all programs, as option.h has loaded them from the table options.def.
 */
#ifndef SHARED_CONFIG_H
#define SHARED_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#define OPTION_TEXT(section, key, ...) const char *section##_##key;
#define OPTION_SECRET(section, key, ...) const char *section##_##key;
#define OPTION_LIST(section, key, ...) const char *section##_##key;
#define OPTION_DURATION(section, key, ...) int64_t section##_##key##_ms;
#define OPTION_SIZE(section, key, ...) int64_t section##_##key##_bytes;
#define OPTION_COUNT(section, key, ...) int64_t section##_##key;
#define OPTION_FLAG(section, key, ...) bool section##_##key;
#define OPTION_CHOICE(section, key, ...) int section##_##key;
/* All strings are owned by the config; none is NULL after config_load(). */
/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order of the table */
struct config {
#include "shared/options.def"
};
#undef OPTION_TEXT
#undef OPTION_SECRET
#undef OPTION_LIST
#undef OPTION_DURATION
#undef OPTION_SIZE
#undef OPTION_COUNT
#undef OPTION_FLAG
#undef OPTION_CHOICE

/* The places of the words of node.on_duplicate and node.auth. */
enum on_duplicate {
    ON_DUPLICATE_ALLOW,
    ON_DUPLICATE_NOTIFY,
    ON_DUPLICATE_REPLACE,
    ON_DUPLICATE_REJECT
};
enum node_auth { NODE_AUTH_TOKEN, NODE_AUTH_HOOK, NODE_AUTH_NONE };
enum events_to { EVENTS_TO_NONE, EVENTS_TO_STREAM, EVENTS_TO_HOOK };
enum upstream_to { UPSTREAM_TO_NONE, UPSTREAM_TO_LOG, UPSTREAM_TO_STREAM, UPSTREAM_TO_HOOK };

enum program { PROGRAM_SEND = 1, PROGRAM_NODE = 2, PROGRAM_CONSUME = 4 };

int64_t config_worker_count(const struct config *c); /* node.workers, or one per processor */

#endif
