/*
 * Whom the order means is listed when it comes.
 */
#include "wsnode/group_close.h"

#include <stdlib.h>

#include "wsnode/session.h"
#include "wsnode/session_walk.h"

struct order {
    struct node *node; /* borrowed */
    struct dismissal how;
    int64_t until_ms;
    int64_t closed; /* where there is no walk */
};

static bool is_meant(const struct session *s, const void *arg)
{
    const struct order *o = arg;

    return s->state != SESSION_CLOSING && s->since_ms <= o->until_ms;
}

static void end_session(struct node *n, struct session *s, void *arg)
{
    const struct order *o = arg;

    session_close_with(n, s, o->how.code, o->how.reason);
}

static void end_now(struct session *s, void *arg)
{
    struct order *o = arg;

    if (is_meant(s, o)) {
        end_session(o->node, s, o);
        o->closed++;
    }
}

static enum err walk(struct node *n, const char *group, const struct order *o, int64_t *count)
{
    struct session_walk walk = {.visit = end_session, .finish = free, .arg = malloc(sizeof(*o))};
    struct session_list list = {.count = 0};
    enum err err = walk.arg ? session_list_group(n, group, is_meant, o, &list) : ERR_NO_MEMORY;

    if (!err) {
        *(struct order *)walk.arg = *o;
        *count = (int64_t)list.count;
        err = session_walk(n, &list, &walk);
    }
    if (err) {
        free(list.ids);
        free(walk.arg);
    }
    return err;
}

int64_t group_close(
    struct node *n, const char *group, const struct dismissal *how, int64_t until_ms)
{
    struct order order = {.node = n, .how = *how, .until_ms = until_ms};
    int64_t count = 0;

    if (walk(n, group, &order, &count)) {
        session_table_each_of_group(&n->table, group, end_now, &order);
        return order.closed;
    }
    return count;
}
