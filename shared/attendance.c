/*
 * The commands of attendance, and the decoding of what they reply.
 */
#include "shared/attendance.h"

#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/parse.h"
#include "shared/redis_reply.h"
#include "shared/schema.h"

#define PLACES_PER_SCAN 200

void attendance_command(struct command *c, const struct events_rules *r,
    const struct events_node *n, const struct attendance_telling *t)
{
    events_start_with_groups(c, &script_attend, 2, r);
    schema_add_events_nodes(c, r->prefix);
    schema_add_events_groups(c, r->prefix, n->node_id, n->boot);
    events_add_group_rules(c, r);
    command_add_int(c, t->is_in);
    command_add_str(c, t->session_id);
    command_add_str(c, t->user_id);
    command_add_str(c, n->node_id);
    command_add_str(c, n->boot);
    command_add_str(c, t->groups);
}

void attendance_parted_command(struct command *c, const struct events_rules *r, int64_t count)
{
    events_start_with_groups(c, &script_attend_parted, 0, r);
    events_add_group_rules(c, r);
    command_add_int(c, count);
}

void attendance_places_command(struct command *c, const struct events_rules *r,
    const struct events_node *n, const char *cursor)
{
    command_add_str(c, "HSCAN");
    schema_add_events_groups(c, r->prefix, n->node_id, n->boot);
    command_add_str(c, cursor);
    command_add_str(c, "COUNT");
    command_add_int(c, PLACES_PER_SCAN);
}

void attendance_list_command(
    struct command *c, const struct events_rules *r, const char *group, int64_t count)
{
    command_start_script(c, &script_attend_list, 1);
    schema_add_attendees(c, r->prefix);
    command_add_str(c, group);
    command_add_int(c, count);
}

/* Is it what a node writes? Else it must not reach clients: NULL. */
static const char *take_name(struct reply_reader *r)
{
    struct slice text = reply_next_text(r);
    bool is_name = !r->broken && text.len > 0 && !memchr(text.at, '\0', text.len) &&
                   json_utf8_valid(text.at, text.len);

    return is_name ? text.at : NULL;
}

/* "sessionId group" and a userId; false: it is none. */
static bool decode_place(struct reply_reader *r, struct attendance_place *out)
{
    const char *place = take_name(r);
    const char *space = place ? strchr(place, ' ') : NULL;
    size_t id_len = space ? (size_t)(space - place) : SESSION_ID_BYTES;

    out->user_id = take_name(r);
    if (id_len >= SESSION_ID_BYTES || !out->user_id) {
        return false;
    }
    memcpy(out->session_id, place, id_len);
    out->session_id[id_len] = '\0';
    out->group = space + 1;
    return true;
}

enum err attendance_places_decode(const struct redisReply *reply, struct attendance_places *out)
{
    struct reply_reader r = reply_reader_of(reply);
    struct attendance_places places = {.count = 0};
    struct slice cursor = reply_next_text(&r);
    struct reply_reader entries = reply_reader_of(reply_next(&r));

    if (cursor.len == 0 || cursor.len >= sizeof(places.cursor)) {
        return ERR_INTERNAL;
    }
    memcpy(places.cursor, cursor.at, cursor.len);
    places.items = calloc(reply_length(&entries) / 2 + 1, sizeof(*places.items));
    if (!places.items) {
        return ERR_NO_MEMORY;
    }
    while (reply_has_next(&entries)) {
        places.count += decode_place(&entries, &places.items[places.count]);
    }
    if (reply_reader_err(&r) || reply_reader_err(&entries)) {
        free(places.items);
        return ERR_INTERNAL;
    }
    *out = places;
    return ERR_OK;
}

enum err attendance_list_decode(const struct redisReply *reply, struct attendance_list *out)
{
    struct reply_reader r = reply_reader_of(reply);
    struct attendance_list list = {.names = calloc(reply_length(&r) + 1, sizeof(*list.names))};

    if (!list.names) {
        return ERR_NO_MEMORY;
    }
    list.count = reply_next_int(&r);
    while (reply_has_next(&r)) {
        const char *name = take_name(&r);
        if (name) {
            list.names[list.name_count++] = name;
        }
    }
    if (reply_reader_err(&r)) {
        free(list.names);
        return ERR_INTERNAL;
    }
    *out = list;
    return ERR_OK;
}

void attendance_news_command(
    struct command *c, const struct events_rules *r, const char *last_id, int64_t count)
{
    command_start_script(c, &script_attend_news, 1);
    schema_add_attendance(c, r->prefix);
    command_add_str(c, last_id);
    command_add_int(c, count);
}

/* {id, {"type", …, "group", …, "userId", …, "count", …}}; false: it is none. */
static bool decode_change(const struct redisReply *entry, struct attendance_change *out)
{
    struct reply_reader r = reply_reader_of(entry);
    uint64_t count;

    (void)reply_next_id(&r);
    struct reply_reader fields = reply_reader_of(reply_next(&r));
    (void)reply_next(&fields);
    struct slice type = reply_next_text(&fields);
    (void)reply_next(&fields);
    out->group = take_name(&fields);
    (void)reply_next(&fields);
    out->user_id = take_name(&fields);
    (void)reply_next(&fields);
    enum err err = parse_u64(reply_next_text(&fields), INT64_MAX, &count);
    out->count = (int64_t)count;
    out->is_in = slice_equal(type, "joined");
    return !err && !reply_reader_err(&r) && !reply_reader_err(&fields) && out->group &&
           out->user_id;
}

enum err attendance_news_decode(const struct redisReply *reply, struct attendance_news *out)
{
    struct reply_reader r = reply_reader_of(reply);
    struct attendance_news news = {.count = 0};

    (void)message_id_format(reply_next_id(&r), news.last_id);
    news.gap = reply_next_int(&r) != 0;
    struct reply_reader entries = reply_reader_of(reply_next(&r));
    news.changes = calloc(reply_length(&entries) + 1, sizeof(*news.changes));
    if (!news.changes) {
        return ERR_NO_MEMORY;
    }
    while (reply_has_next(&entries)) {
        struct attendance_change *change = &news.changes[news.count];

        change->place = news.count;
        news.count += decode_change(reply_next(&entries), change);
    }
    if (reply_reader_err(&r) || reply_reader_err(&entries)) {
        free(news.changes);
        return ERR_INTERNAL;
    }
    *out = news;
    return ERR_OK;
}

static int compare_subjects(const struct attendance_change *a, const struct attendance_change *b)
{
    int by_group = strcmp(a->group, b->group);

    return by_group ? by_group : strcmp(a->user_id, b->user_id);
}

static int compare_changes(const void *left, const void *right)
{
    const struct attendance_change *a = left;
    const struct attendance_change *b = right;
    int by_subject = compare_subjects(a, b);

    return by_subject ? by_subject : (a->place > b->place) - (a->place < b->place);
}

void attendance_news_settle(struct attendance_news *news)
{
    struct attendance_change *changes = news->changes;
    size_t left = 0;

    qsort(changes, news->count, sizeof(*changes), compare_changes);
    for (size_t first = 0, end; first < news->count; first = end) {
        for (end = first + 1; end < news->count; end++) {
            if (compare_subjects(&changes[end], &changes[first]) != 0) {
                break;
            }
        }
        changes[left++] = changes[end - 1];
    }
    news->count = left;
}
