/*
 * How many file descriptors a worker needs, and may have.
 */
#ifndef WSNODE_DESCRIPTORS_H
#define WSNODE_DESCRIPTORS_H

#include "shared/config.h"

/* For all but public connections: senders' kept connections, Redis, the loop's own. */
#define SPARE_DESCRIPTORS 1024

int64_t descriptors_wanted(const struct config *config);
/* Raises this process's limit, the hard one too if it may (root). Returns what it is then. */
int64_t descriptors_raise(int64_t wanted);

#endif
