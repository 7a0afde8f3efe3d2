/*
 * The process that forks the workers and keeps them running. It opens the public sockets, one per
 * worker, before it forks, so that a worker that is restarted finds its queue of connections again.
 */
#ifndef WSNODE_SUPERVISOR_H
#define WSNODE_SUPERVISOR_H

#include "shared/config.h"

/* Returns the exit status, in the supervisor and in each worker. */
int supervisor_run(const struct config *config);

#endif
