/*
 * A queue of tasks. The loop turns without sleep while there is one.
 */
#include "wsnode/turns.h"

#include "wsnode/loop.h"
#include "wsnode/node.h"

bool turns_are_idle(const struct node *n)
{
    return STAILQ_EMPTY(&n->turns);
}

void turns_add(struct node *n, struct turn_task *t)
{
    STAILQ_INSERT_TAIL(&n->turns, t, link);
    loop_want_turns(n, true);
}

void turns_go_on(struct node *n, int64_t now_ms)
{
    struct turn_task *t = STAILQ_FIRST(&n->turns);

    if (t) {
        STAILQ_REMOVE_HEAD(&n->turns, link);
        if (!t->go_on(n, t, now_ms)) {
            STAILQ_INSERT_HEAD(&n->turns, t, link);
        }
    }
    loop_want_turns(n, !turns_are_idle(n));
}

void turns_drop(struct node *n)
{
    struct turn_task *t;

    while ((t = STAILQ_FIRST(&n->turns))) {
        STAILQ_REMOVE_HEAD(&n->turns, link);
        t->drop(t);
    }
}
