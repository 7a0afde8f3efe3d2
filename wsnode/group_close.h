/*
 * Ends all sessions of a page, of a serverClient, or of the node, some at a time (turns.h): after
 * what was sent to them before.
 */
#ifndef WSNODE_GROUP_CLOSE_H
#define WSNODE_GROUP_CLOSE_H

#include "shared/dismissal.h"

struct node;

/*
 * Those that are there now, were opened until until_ms (wall clock), and are not being closed
 * already. Returns how many these are. Without memory for a list they are closed at once.
 */
int64_t group_close(
    struct node *n, const char *group, const struct dismissal *how, int64_t until_ms);

#endif
