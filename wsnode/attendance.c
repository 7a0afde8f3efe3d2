/*
 * Which groups it is about, and who comes and goes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/group_name.h"
#include "shared/topic_pattern.h"
#include "wsnode/announce.h"
#include "wsnode/attendance_state.h"

/* The names of all groups of a session. */
#define GROUPS_BYTES_MAX ((size_t)4 * 1024 * 1024)

static bool has_page(const struct config *config, const char *group)
{
    char server_client[ADDRESS_PART_BYTES_MAX + 1];
    char path[GROUP_NAME_BYTES];

    group_name_server_client(group, server_client);
    const char *page = group + strlen(server_client) + 1;
    (void)snprintf(path, sizeof(path), "%s/%s", server_client, page);
    return *page && topic_pattern_has(config->presence_pages, path);
}

bool attendance_has_group(const struct node *n, const char *group)
{
    return group_name_is_topic(group) ? topic_pattern_has(n->config->presence_topics, group)
                                      : has_page(n->config, group);
}

bool attendance_is_wanted(const struct config *config)
{
    return *config->presence_topics || *config->presence_pages;
}

enum err attendance_create(struct node *n)
{
    if (!attendance_is_wanted(n->config)) {
        return ERR_OK;
    }
    n->attendance = calloc(1, sizeof(*n->attendance));
    if (!n->attendance) {
        return ERR_NO_MEMORY;
    }
    n->attendance->rules.prefix = n->config->redis_prefix;
    window_init(&n->attendance->window);
    return ERR_OK;
}

void attendance_destroy(struct node *n)
{
    if (n->attendance) {
        attendance_drop_rolls(n->attendance);
        free(n->attendance);
        n->attendance = NULL;
    }
}

static void name_page(const struct session *s, char out[GROUP_NAME_BYTES])
{
    struct address a;

    session_table_address(s, &a);
    (void)group_name_format(a.server_client, a.page, out);
}

bool attendance_is_in(const struct session *s, const char *group)
{
    char page[GROUP_NAME_BYTES];

    if (!group_name_is_topic(group)) {
        name_page(s, page);
        return strcmp(page, group) == 0;
    }
    const struct subscription *sub = topic_table_find(s->subscriptions, group);
    return sub && sub->is_told;
}

typedef void group_fn(struct node *n, const struct session *s, const char *group, void *arg);

/* All of its groups that are to be told of: its page, and the topics that it was told of. */
static void each_group(struct node *n, const struct session *s, group_fn *fn, void *arg)
{
    char page[GROUP_NAME_BYTES];
    const struct subscription *sub;

    name_page(s, page);
    if (attendance_has_group(n, page)) {
        fn(n, s, page, arg);
    }
    if (!s->subscriptions) {
        return;
    }
    LIST_FOREACH(sub, &s->subscriptions->list, of_session)
    {
        if (sub->is_told && attendance_has_group(n, topic_table_name(sub))) {
            fn(n, s, topic_table_name(sub), arg);
        }
    }
}

static void add_name(struct node *n, const struct session *s, const char *group, void *arg)
{
    (void)n;
    (void)s;
    buf_addf(arg, "%s\n", group);
}

static void announce_all(struct node *n, const struct session *s, bool is_in)
{
    struct buf groups;

    buf_init(&groups, GROUPS_BYTES_MAX);
    each_group(n, s, add_name, &groups);
    if (groups.len > 0) {
        announce_groups(n, s, is_in, buf_str(&groups));
    }
    buf_finish(&groups);
}

static void call_roll(struct node *n, const struct session *s, const char *group, void *arg)
{
    (void)arg;
    attendance_call_roll(n, group, s, n->now_ms);
}

void attendance_begin(struct node *n, struct session *s)
{
    if (n->attendance) {
        announce_all(n, s, true);
        each_group(n, s, call_roll, NULL);
    }
}

void attendance_join(struct node *n, struct session *s, const char *topic)
{
    if (n->attendance && s->state != SESSION_OPENING && attendance_has_group(n, topic)) {
        announce_groups(n, s, true, topic);
        attendance_call_roll(n, topic, s, n->now_ms);
    }
}

void attendance_leave(struct node *n, struct session *s, const char *topic)
{
    bool is_open = s->state == SESSION_REPLAYING || s->state == SESSION_LIVE;

    if (n->attendance && is_open && attendance_has_group(n, topic)) {
        announce_groups(n, s, false, topic);
    }
}

void attendance_end(struct node *n, struct session *s)
{
    if (n->attendance) {
        announce_all(n, s, false);
    }
}

void attendance_again(struct node *n, const struct session *s)
{
    if (n->attendance) {
        announce_all(n, s, true);
    }
}

void attendance_on_redis_ready(struct node *n, bool data_lost)
{
    if (n->attendance && data_lost) {
        attendance_audit(n);
    }
}

void attendance_on_tick(struct node *n, int64_t now_ms)
{
    if (n->attendance) {
        attendance_read_news(n, now_ms);
        attendance_send_rolls(n, now_ms);
    }
}
