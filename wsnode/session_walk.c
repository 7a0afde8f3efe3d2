/*
 * Walks as tasks.
 */
#include "wsnode/session_walk.h"

#include <stdlib.h>
#include <string.h>

#include "wsnode/group_members.h"
#include "wsnode/session.h"
#include "wsnode/turns.h"

#define ROOM_FIRST 16

struct walking {
    struct turn_task task; /* first */
    struct session_walk walk;
    struct session_list list; /* owned */
    size_t at;                /* where it stands */
};

enum err session_list_add(struct session_list *l, const char *session_id)
{
    if (l->count == l->room) {
        size_t room = l->room ? 2 * l->room : ROOM_FIRST;
        char(*ids)[SESSION_ID_BYTES] = realloc(l->ids, room * sizeof(*ids));

        if (!ids) {
            return ERR_NO_MEMORY;
        }
        l->ids = ids;
        l->room = room;
    }
    memcpy(l->ids[l->count++], session_id, SESSION_ID_BYTES);
    return ERR_OK;
}

struct listing {
    bool (*is_meant)(const struct session *s, const void *arg);
    const void *arg;
    struct session_list *list;
    enum err err;
};

static void list_one(struct session *s, void *arg)
{
    struct listing *l = arg;

    if (!l->err && (!l->is_meant || l->is_meant(s, l->arg))) {
        l->err = session_list_add(l->list, s->id);
    }
}

enum err session_list_group(struct node *n, const char *group,
    bool (*is_meant)(const struct session *s, const void *arg), const void *arg,
    struct session_list *out)
{
    struct session_list list = {.count = 0};
    struct listing listing = {is_meant, arg, &list, ERR_OK};

    group_members_each(n, group, list_one, &listing);
    if (listing.err) {
        free(list.ids);
        return listing.err;
    }
    *out = list;
    return ERR_OK;
}

static void drop(struct turn_task *t)
{
    struct walking *w = (struct walking *)t;

    if (w->walk.finish) {
        w->walk.finish(w->walk.arg);
    }
    free(w->list.ids);
    free(w);
}

static bool go_on(struct node *n, struct turn_task *t, int64_t now_ms)
{
    struct walking *w = (struct walking *)t;
    size_t left = w->list.count - w->at;
    size_t end = w->at + (left < TURN_SESSIONS ? left : TURN_SESSIONS);

    (void)now_ms;
    for (; w->at < end; w->at++) {
        struct session *s = session_table_find(&n->table, w->list.ids[w->at]);
        if (s) {
            w->walk.visit(n, s, w->walk.arg);
        }
    }
    if (w->at < w->list.count) {
        return false;
    }
    drop(t);
    return true;
}

enum err session_walk(struct node *n, struct session_list *list, const struct session_walk *w)
{
    struct walking *walking = malloc(sizeof(*walking));

    if (!walking) {
        return ERR_NO_MEMORY;
    }
    *walking = (struct walking){.task = {.go_on = go_on, .drop = drop}, .walk = *w, .list = *list};
    *list = (struct session_list){.count = 0};
    if (!turns_are_idle(n) || !go_on(n, &walking->task, n->now_ms)) {
        turns_add(n, &walking->task);
    }
    return ERR_OK;
}
