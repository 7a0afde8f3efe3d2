/*
 * Who is in a group on this node.
 */
#ifndef WSNODE_GROUP_MEMBERS_H
#define WSNODE_GROUP_MEMBERS_H

#include "wsnode/session.h"

size_t group_members_count(const struct node *n, const char *group);
/* As many as were counted just before. fn must not end any. */
void group_members_each(
    struct node *n, const char *group, void (*fn)(struct session *s, void *arg), void *arg);

#endif
