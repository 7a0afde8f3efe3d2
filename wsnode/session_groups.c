/*
 * A session's three groups without a subscription.
 */
#include "wsnode/session_groups.h"

#include "shared/group_name.h"

#define GROUPS 3

struct names {
    char at[GROUPS][GROUP_NAME_BYTES];
};

static void name_groups(const struct session *s, struct names *out)
{
    struct address a;

    session_table_address(s, &a);
    (void)group_name_format(a.server_client, a.page, out->at[0]);
    (void)group_name_format(a.server_client, "", out->at[1]);
    (void)group_name_format("", "", out->at[2]);
}

static void leave_first(struct node *n, const struct names *names, int count)
{
    for (int i = 0; i < count; i++) {
        topics_local_leave(&n->topics, names->at[i], n->now_ms);
    }
}

enum err session_groups_join(struct node *n, const struct session *s)
{
    struct names names;

    name_groups(s, &names);
    for (int i = 0; i < GROUPS; i++) {
        enum err err = topics_local_join(&n->topics, names.at[i], n->now_ms);

        if (err) {
            leave_first(n, &names, i);
            return err;
        }
    }
    return ERR_OK;
}

void session_groups_leave(struct node *n, const struct session *s)
{
    struct names names;

    name_groups(s, &names);
    leave_first(n, &names, GROUPS);
}

bool session_groups_await(struct node *n, const struct session *s, struct topic_waiter *w)
{
    struct names names;

    name_groups(s, &names);
    for (int i = 0; i < GROUPS; i++) {
        if (!topics_local_await(&n->topics, names.at[i], w)) {
            return false;
        }
    }
    return true;
}
