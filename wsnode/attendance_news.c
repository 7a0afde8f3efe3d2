/*
 * Reads once a second what all nodes have told, and tells the members of each group here what has
 * changed for them: a list anew, where that would be shorter. A second is what makes one of many
 * changes; and nothing depends on hints.
 */
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "wsnode/attendance_state.h"
#include "wsnode/redis_async.h"

#define READ_EVERY_MS 1000
#define ENTRIES_PER_READ 1000

/* How many users there are, by what was told last. */
static int64_t newest_count(const struct attendance_change *changes, size_t count)
{
    const struct attendance_change *newest = &changes[0];

    for (size_t i = 1; i < count; i++) {
        newest = changes[i].place > newest->place ? &changes[i] : newest;
    }
    return newest->count;
}

static void tell_group(struct node *n, const struct attendance_change *changes, size_t count)
{
    const char *group = changes[0].group;
    struct format_presence what = {.group = group,
        .count = newest_count(changes, count),
        .changes = changes,
        .change_count = count};

    if (topics_local_members(&n->topics, group) == 0 || !attendance_has_group(n, group)) {
        return;
    }
    if ((int64_t)count > n->config->presence_list_max) {
        attendance_call_roll(n, group, NULL, n->now_ms);
    } else {
        attendance_tell(n, &what, NULL);
    }
}

static void tell(struct node *n, const struct attendance_news *news)
{
    for (size_t first = 0, end; first < news->count; first = end) {
        end = first + 1;
        while (end < news->count &&
               strcmp(news->changes[end].group, news->changes[first].group) == 0) {
            end++;
        }
        tell_group(n, &news->changes[first], end - first);
    }
}

static void call_roll(const char *group, void *arg)
{
    struct node *n = arg;

    if (attendance_has_group(n, group)) {
        attendance_call_roll(n, group, NULL, n->now_ms);
    }
}

static void take(struct node *n, struct attendance_news *news)
{
    struct attendance *a = n->attendance;

    memcpy(a->last_id, news->last_id, sizeof(a->last_id));
    if (news->count == ENTRIES_PER_READ) {
        a->next_ms = clock_mono_ms(); /* there are more */
    }
    if (news->gap) {
        topics_local_each(&n->topics, call_roll, n);
    }
    attendance_news_settle(news);
    tell(n, news);
}

static void after_news(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct attendance_news news;

    (void)arg;
    n->attendance->reading = false;
    if (!err && attendance_news_decode(reply, &news) == ERR_OK) {
        take(n, &news);
        free(news.changes);
    }
}

void attendance_read_news(struct node *n, int64_t now_ms)
{
    struct attendance *a = n->attendance;
    struct command c;

    if (a->reading || now_ms < a->next_ms || !redis_async_is_ready(n->redis)) {
        return;
    }
    a->next_ms = now_ms + READ_EVERY_MS;
    command_init(&c);
    attendance_news_command(&c, &a->rules, a->last_id, ENTRIES_PER_READ);
    a->reading = redis_async_run(n->redis, &c, after_news, NULL) == ERR_OK;
    command_finish(&c);
}
