/*
 * Entries that are due in some second each, for times that differ from one to the next: adding and
 * removing are O(1), and so is the work per entry and turn of the wheel. (Where all wait for the
 * same time, ring.h is simpler.) A hashed wheel: one bucket per second of a turn, and an entry that
 * is due after the present turn is passed by until its own comes.
 */
#ifndef WSNODE_WHEEL_H
#define WSNODE_WHEEL_H

#include <stdint.h>
#include <sys/queue.h>

/* A turn: about 17 minutes. */
#define WHEEL_BUCKETS 1024

struct wheel_entry {
    LIST_ENTRY(wheel_entry) link;
    int64_t due_s; /* 0: it is in no wheel */
};

struct wheel {
    LIST_HEAD(wheel_bucket, wheel_entry) buckets[WHEEL_BUCKETS];
    int64_t hand_s;         /* up to this second, everything was looked at */
    struct wheel_entry *at; /* borrowed: the next one to look at in the hand's bucket */
    int64_t count;
};

/* Any clock in seconds that is the same in all calls; it may jump. */
void wheel_init(struct wheel *w, int64_t now_s);
/* due_s > 0; e must be in no wheel. */
void wheel_add(struct wheel *w, struct wheel_entry *e, int64_t due_s);
void wheel_remove(struct wheel *w, struct wheel_entry *e); /* fine if it is in none */
/* Removes and returns one that is due; NULL: there is none, or none any more. */
struct wheel_entry *wheel_take_due(struct wheel *w, int64_t now_s);

#endif
