/*
 * Lines are in a hash by name; those that wait for their turn are in ready, those that failed in
 * one ring per length of pause. Everything is O(1), however many there are.
 */
#include "wsnode/lines.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define item_of_deadline(e)                                                                        \
    ((struct line_item *)(void *)((char *)(e)-offsetof(struct line_item, deadline)))
#define line_of_pause(e) ((struct line *)(void *)((char *)(e)-offsetof(struct line, pause)))

void lines_init(struct lines *l, const struct lines_limits *limits)
{
    *l = (struct lines){.limits = *limits};
    TAILQ_INIT(&l->ready);
    for (int i = 0; i < LINES_PAUSES; i++) {
        ring_init(&l->pauses[i], LINES_PAUSE_FIRST_MS << i);
    }
    ring_init(&l->deadlines, limits->give_up_ms);
}

static struct line *find_line(const struct lines *l, const char *name)
{
    struct line *line;

    HASH_FIND(by_name, l->by_name, name, strlen(name), line);
    return line;
}

/* NULL: no memory. */
static struct line *line_create(struct lines *l, const char *name)
{
    size_t len = strlen(name);
    struct line *line = calloc(1, sizeof(*line) + len + 1);

    if (!line) {
        return NULL;
    }
    memcpy(line->name, name, len);
    TAILQ_INIT(&line->items);
    HASH_ADD(by_name, l->by_name, name, len, line);
    if (!hash_has(line, by_name)) {
        free(line);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&l->ready, line, link);
    return line;
}

/* Out of ready or its pause, where it is in one. */
static void unqueue(struct lines *l, struct line *line)
{
    if (line->is_under_way) {
        return;
    }
    if (line->pause.due_ms != 0) {
        ring_remove(&l->pauses[line->place], &line->pause);
    } else {
        TAILQ_REMOVE(&l->ready, line, link);
    }
}

static void line_destroy(struct lines *l, struct line *line)
{
    unqueue(l, line);
    HASH_DELETE(by_name, l->by_name, line);
    free(line);
}

static bool has_room(const struct lines *l, const struct line *line, size_t bytes)
{
    return bytes <= l->limits.bytes && l->bytes <= l->limits.bytes - bytes &&
           (!line || line->count < l->limits.items_per_line);
}

enum err lines_add(
    struct lines *l, const char *name, struct line_item *item, size_t bytes, int64_t now_ms)
{
    struct line *line = find_line(l, name);

    if (!has_room(l, line, bytes)) {
        return ERR_UPSTREAM_FULL;
    }
    line = line ? line : line_create(l, name);
    if (!line) {
        return ERR_NO_MEMORY;
    }
    item->line = line;
    item->bytes = bytes;
    item->is_late = false;
    item->deadline.due_ms = 0;
    TAILQ_INSERT_TAIL(&line->items, item, link);
    if (l->limits.give_up_ms > 0) {
        ring_add(&l->deadlines, &item->deadline, now_ms);
    }
    line->count++;
    l->count++;
    l->bytes += bytes;
    return ERR_OK;
}

int64_t lines_length(const struct lines *l, const char *name)
{
    const struct line *line = find_line(l, name);

    return line ? line->count : 0;
}

const struct line_item *lines_first(const struct lines *l, const char *name)
{
    const struct line *line = find_line(l, name);

    return line ? TAILQ_FIRST(&line->items) : NULL;
}

struct line_item *lines_start(struct lines *l)
{
    struct line *line = TAILQ_FIRST(&l->ready);

    if (!line) {
        return NULL;
    }
    TAILQ_REMOVE(&l->ready, line, link);
    line->is_under_way = true;
    l->under_way++;
    return TAILQ_FIRST(&line->items);
}

static bool is_under_way(const struct line_item *item)
{
    return item->line->is_under_way && item == TAILQ_FIRST(&item->line->items);
}

/* The line goes if it was the last one. */
static void take_out(struct lines *l, struct line_item *item)
{
    struct line *line = item->line;

    ring_remove(&l->deadlines, &item->deadline);
    TAILQ_REMOVE(&line->items, item, link);
    l->count--;
    l->bytes -= item->bytes;
    if (--line->count == 0) {
        line_destroy(l, line);
    }
}

static void come_back(struct lines *l, struct line *line)
{
    line->is_under_way = false;
    l->under_way--;
    TAILQ_INSERT_TAIL(&l->ready, line, link);
}

void lines_finish(struct lines *l, struct line_item *item)
{
    assert(is_under_way(item));
    item->line->place = 0;
    come_back(l, item->line);
    take_out(l, item);
}

bool lines_retry(struct lines *l, struct line_item *item, int64_t now_ms)
{
    struct line *line = item->line;

    if (item->is_late) {
        lines_finish(l, item);
        return false;
    }
    line->is_under_way = false;
    l->under_way--;
    ring_add(&l->pauses[line->place], &line->pause, now_ms);
    return true;
}

static void end_pause(struct lines *l, struct line *line)
{
    ring_remove(&l->pauses[line->place], &line->pause);
    line->place += line->place < LINES_PAUSES - 1;
    TAILQ_INSERT_TAIL(&l->ready, line, link);
}

void lines_on_tick(struct lines *l, int64_t now_ms)
{
    for (int i = 0; i < LINES_PAUSES; i++) {
        struct ring_entry *e;

        while ((e = ring_first_due(&l->pauses[i], now_ms))) {
            end_pause(l, line_of_pause(e));
        }
    }
}

void lines_wake(struct lines *l)
{
    for (int i = 0; i < LINES_PAUSES; i++) {
        struct ring_entry *e;

        while ((e = ring_first(&l->pauses[i]))) {
            end_pause(l, line_of_pause(e));
        }
    }
}

struct line_item *lines_take_late(struct lines *l, int64_t now_ms)
{
    struct ring_entry *e;

    while ((e = ring_first_due(&l->deadlines, now_ms))) {
        struct line_item *item = item_of_deadline(e);

        if (!is_under_way(item)) {
            take_out(l, item);
            return item;
        }
        ring_remove(&l->deadlines, e); /* its answer decides */
        item->is_late = true;
    }
    return NULL;
}

struct line_item *lines_take_any(struct lines *l)
{
    struct line *line = l->by_name;

    if (!line) {
        return NULL;
    }
    struct line_item *item = TAILQ_FIRST(&line->items);
    if (line->is_under_way) {
        come_back(l, line);
    }
    take_out(l, item);
    return item;
}
