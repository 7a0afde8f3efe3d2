/*
 * Something is done with many sessions, some per turn of the loop (turns.h), in the order in which
 * such walks began. The sessions are listed by id when it begins: others come meanwhile, which are
 * not meant, and some leave by themselves.
 */
#ifndef WSNODE_SESSION_WALK_H
#define WSNODE_SESSION_WALK_H

#include "shared/err.h"
#include "shared/id.h"

struct node;
struct session;

struct session_list {
    char (*ids)[SESSION_ID_BYTES]; /* owned: free() */
    size_t count;
    size_t room;
};
/* ERR_NO_MEMORY. */
enum err session_list_add(struct session_list *l, const char *session_id) MUST_CHECK;
/* The group's that are meant (NULL: all are). ERR_NO_MEMORY: it has nothing to be freed. */
enum err session_list_group(struct node *n, const char *group,
    bool (*is_meant)(const struct session *s, const void *arg), const void *arg,
    struct session_list *out) MUST_CHECK;

struct session_walk {
    void (*visit)(struct node *n, struct session *s, void *arg); /* it may end s */
    void (*finish)(void *arg); /* at the end, wherever the walk is then; NULL: nothing to be done */
    void *arg;
};
/* The first part is done at once, if nobody is ahead. The list is taken over, and so is arg, by
 * ERR_OK only. ERR_NO_MEMORY. */
enum err session_walk(
    struct node *n, struct session_list *list, const struct session_walk *w) MUST_CHECK;

#endif
