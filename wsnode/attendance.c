/*
 * Which groups it is about, and who comes and goes.
 */
#include <stdio.h>
#include <stdlib.h>

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

static void join(struct node *n, struct session *s, const char *group)
{
    if (attendance_has_group(n, group)) {
        announce_groups(n, s, true, group);
        attendance_call_roll(n, group, s, n->now_ms);
    }
}

static void leave(struct node *n, struct session *s, const char *group)
{
    if (attendance_has_group(n, group)) {
        announce_groups(n, s, false, group);
    }
}

void attendance_begin(struct node *n, struct session *s)
{
    char page[GROUP_NAME_BYTES];
    const struct subscription *sub;

    if (!n->attendance) {
        return;
    }
    name_page(s, page);
    join(n, s, page);
    if (s->subscriptions) {
        LIST_FOREACH(sub, &s->subscriptions->list, of_session)
        {
            if (sub->is_told) {
                join(n, s, topic_table_name(sub));
            }
        }
    }
}

void attendance_join(struct node *n, struct session *s, const char *topic)
{
    if (n->attendance && s->state != SESSION_OPENING) {
        join(n, s, topic);
    }
}

void attendance_leave(struct node *n, struct session *s, const char *topic)
{
    if (n->attendance) {
        leave(n, s, topic);
    }
}

void attendance_end(struct node *n, struct session *s)
{
    char page[GROUP_NAME_BYTES];

    if (n->attendance) {
        name_page(s, page);
        leave(n, s, page);
    }
}

static void add_group(const struct node *n, const char *group, struct buf *groups)
{
    if (attendance_has_group(n, group)) {
        buf_addf(groups, "%s\n", group);
    }
}

void attendance_again(struct node *n, const struct session *s)
{
    char page[GROUP_NAME_BYTES];
    const struct subscription *sub;
    struct buf groups;

    if (!n->attendance) {
        return;
    }
    buf_init(&groups, GROUPS_BYTES_MAX);
    name_page(s, page);
    add_group(n, page, &groups);
    if (s->subscriptions) {
        LIST_FOREACH(sub, &s->subscriptions->list, of_session)
        {
            if (sub->is_told) {
                add_group(n, topic_table_name(sub), &groups);
            }
        }
    }
    if (groups.len > 0) {
        announce_groups(n, s, true, buf_str(&groups));
    }
    buf_finish(&groups);
}

void attendance_on_tick(struct node *n, int64_t now_ms)
{
    if (n->attendance) {
        attendance_read_news(n, now_ms);
        attendance_send_rolls(n, now_ms);
    }
}
