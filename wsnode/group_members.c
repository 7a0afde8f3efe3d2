/*
 * Pages and what is above them are known by the table of sessions, topics by their own.
 */
#include "wsnode/group_members.h"

#include "shared/group_name.h"

size_t group_members_count(const struct node *n, const char *group)
{
    return group_name_is_topic(group) ? topic_table_count(&n->topic_table, group)
                                      : session_table_count_of_group(&n->table, group);
}

void group_members_each(
    struct node *n, const char *group, void (*fn)(struct session *s, void *arg), void *arg)
{
    if (group_name_is_topic(group)) {
        topic_table_each(&n->topic_table, group, fn, arg);
    } else {
        session_table_each_of_group(&n->table, group, fn, arg);
    }
}
