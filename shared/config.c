/*
 * What follows from settings.
 */
#include "shared/config.h"

#include <unistd.h>

int64_t config_worker_count(const struct config *c)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (c->node_workers > 0) {
        return c->node_workers;
    }
    return processors > 0 ? processors : 1;
}
