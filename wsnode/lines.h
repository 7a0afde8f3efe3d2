/*
 * What sessions have on its way to somewhere: a line per session, or per user, so that it gets
 * there in order, and a bound on all of them. Of a line only the first item is under way, one at a
 * time; different lines go on side by side. An item that failed is tried again after a pause that
 * doubles, until its time is over. A session that ends leaves its line behind: what is in it still
 * goes.
 *
 * No I/O, and no clock. The owner of an item embeds struct line_item and frees it.
 */
#ifndef WSNODE_LINES_H
#define WSNODE_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/err.h"
#include "shared/limits.h"
#include "wsnode/hash.h"
#include "wsnode/ring.h"

/* 250 ms, 500 ms, … 4 s */
#define LINES_PAUSE_FIRST_MS 250
#define LINES_PAUSES 5

struct line;

struct line_item {
    TAILQ_ENTRY(line_item) link;
    struct ring_entry deadline;
    struct line *line; /* borrowed */
    size_t bytes;      /* what it counts */
    bool is_late;      /* its time was over while it was under way */
};
TAILQ_HEAD(line_queue, line);
TAILQ_HEAD(line_items, line_item);

struct line {
    UT_hash_handle by_name;
    TAILQ_ENTRY(line) link;  /* in ready */
    struct ring_entry pause; /* in one of pauses */
    struct line_items items;
    int64_t count;
    int place; /* of the pause that is on, or comes next */
    bool is_under_way;
    char name[];
};

struct lines_limits {
    int64_t items_per_line;
    size_t bytes;       /* in all */
    int64_t give_up_ms; /* after it was added; 0: never */
};

struct lines {
    struct lines_limits limits;
    struct line *by_name; /* uthash; none is empty */
    struct line_queue ready;
    struct ring pauses[LINES_PAUSES];
    struct ring deadlines;
    size_t bytes;
    int64_t count; /* items */
    int64_t under_way;
};

void lines_init(struct lines *l, const struct lines_limits *limits);
/* To the end of the line of this name. ERR_UPSTREAM_FULL (a bound), ERR_NO_MEMORY: the item is
 * still the caller's. */
enum err lines_add(struct lines *l, const char *name, struct line_item *item, size_t bytes,
    int64_t now_ms) MUST_CHECK;

int64_t lines_length(const struct lines *l, const char *name); /* items; 0: there is no such line */
/* The next ones by TAILQ_NEXT(item, link). NULL: there is no such line. */
const struct line_item *lines_first(const struct lines *l, const char *name);

/* The first item of a line that was ready: it is under way from now on. NULL: there is none. */
struct line_item *lines_start(struct lines *l);
/* It has come to its end: out of the line, and the caller's. The next one is ready. */
void lines_finish(struct lines *l, struct line_item *item);
/* It failed. true: it is tried again; false: its time is over, and it is as lines_finish() says. */
bool lines_retry(struct lines *l, struct line_item *item, int64_t now_ms);

/* Pauses that are over. */
void lines_on_tick(struct lines *l, int64_t now_ms);
void lines_wake(struct lines *l); /* ends all pauses: it is worth a try now */
/* The next item whose time is over and that is not under way: out of its line, and the caller's.
 * NULL: there is none. */
struct line_item *lines_take_late(struct lines *l, int64_t now_ms);
/* Any item, under way or not, as lines_take_late(); until there is none: the end. */
struct line_item *lines_take_any(struct lines *l);

#endif
