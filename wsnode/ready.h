/*
 * Can a message get through this node? What /readyz answers.
 */
#ifndef WSNODE_READY_H
#define WSNODE_READY_H

#include "wsnode/node.h"

#define READY_OBSTACLES_MAX 6

/* Why not: texts that live for ever. Returns how many; 0: ready. */
size_t ready_obstacles(
    const struct node *n, int64_t now_ms, const char *obstacles[READY_OBSTACLES_MAX]);

#endif
