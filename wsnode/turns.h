/*
 * Work that is too long for one turn of the loop: tasks, of which the first goes on by a slice each
 * turn until it is done, so that they take effect in the order in which they came, and nobody else
 * has to wait for them.
 */
#ifndef WSNODE_TURNS_H
#define WSNODE_TURNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct node;

/* Sessions of a slice. */
#define TURN_SESSIONS 256

/* The first member of what it is about, which it owns. */
struct turn_task {
    STAILQ_ENTRY(turn_task) link;
    /* Goes on by a slice. true: it is done, and freed. */
    bool (*go_on)(struct node *n, struct turn_task *t, int64_t now_ms);
    void (*drop)(struct turn_task *t); /* frees what is not done */
};
STAILQ_HEAD(turn_tasks, turn_task);

bool turns_are_idle(const struct node *n);           /* nobody is ahead of a new task */
void turns_add(struct node *n, struct turn_task *t); /* takes it over */
void turns_go_on(struct node *n, int64_t now_ms);    /* the loop has turned */
void turns_drop(struct node *n);

#endif
