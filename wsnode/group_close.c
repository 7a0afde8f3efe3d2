/*
 * The sessions are listed by id when the order comes: it does not mean those who come later, and
 * some leave by themselves meanwhile.
 */
#include "wsnode/group_close.h"

#include <stdlib.h>
#include <string.h>

#include "wsnode/session.h"
#include "wsnode/turns.h"

struct closing {
    struct turn_task task; /* first */
    struct node *node;     /* borrowed */
    struct dismissal how;
    int64_t until_ms;
    int64_t count;
    int64_t at;                            /* where it stands */
    char (*session_ids)[SESSION_ID_BYTES]; /* owned */
};

static bool is_meant(const struct closing *c, const struct session *s)
{
    return s->state != SESSION_CLOSING && s->since_ms <= c->until_ms;
}

static void end_session(const struct closing *c, struct session *s)
{
    session_close_with(c->node, s, c->how.code, c->how.reason);
}

static bool go_on(struct node *n, struct turn_task *t, int64_t now_ms)
{
    struct closing *c = (struct closing *)t;
    int64_t left = c->count - c->at;
    int64_t end = c->at + (left < TURN_SESSIONS ? left : TURN_SESSIONS);

    (void)now_ms;
    for (; c->at < end; c->at++) {
        struct session *s = session_table_find(&n->table, c->session_ids[c->at]);
        if (s) {
            end_session(c, s);
        }
    }
    if (c->at < c->count) {
        return false;
    }
    t->drop(t);
    return true;
}

static void drop(struct turn_task *t)
{
    struct closing *c = (struct closing *)t;

    free(c->session_ids);
    free(c);
}

static void list(struct session *s, void *arg)
{
    struct closing *c = arg;

    if (is_meant(c, s)) {
        memcpy(c->session_ids[c->count++], s->id, SESSION_ID_BYTES);
    }
}

static void end_now(struct session *s, void *arg)
{
    struct closing *c = arg;

    if (is_meant(c, s)) {
        end_session(c, s);
        c->count++;
    }
}

int64_t group_close(
    struct node *n, const char *group, const struct dismissal *how, int64_t until_ms)
{
    struct closing order = {
        .task = {.go_on = go_on, .drop = drop}, .node = n, .how = *how, .until_ms = until_ms};
    struct closing *c = malloc(sizeof(*c));

    order.session_ids =
        calloc(session_table_count_of_group(&n->table, group) + 1, sizeof(*order.session_ids));
    if (!c || !order.session_ids) {
        free(c);
        free(order.session_ids);
        session_table_each_of_group(&n->table, group, end_now, &order);
        return order.count;
    }
    session_table_each_of_group(&n->table, group, list, &order);
    *c = order;
    if (!turns_are_idle(n) || !go_on(n, &c->task, 0)) {
        turns_add(n, &c->task);
    }
    return order.count;
}
