/*
 * Attendance: which users are in a group whose members want to know of each other (presence.topics,
 * presence.pages), told as session events are (events.h), with which it shares a slot. A user joins
 * with the first session that is in the group, on whichever node, and has left when there has been
 * none for presence.grace. Conventions as in registry.h.
 *
 * What is told stands in a stream of its own, which nodes read: P + "attendance", and, if there is
 * events.to, in that of the events: joined, left.
 */
#ifndef SHARED_ATTENDANCE_H
#define SHARED_ATTENDANCE_H

#include "shared/events.h"

/* A session is in these groups, or is not any more. The reply is how many of that are news. */
struct attendance_telling {
    const char *session_id;
    const char *user_id;
    bool is_in;
    const char *groups; /* names, between line feeds */
};
void attendance_command(struct command *c, const struct events_rules *r,
    const struct events_node *n, const struct attendance_telling *t);
/* left, for at most so many. The reply is how many. */
void attendance_parted_command(struct command *c, const struct events_rules *r, int64_t count);

/* Some of the places that a node's sessions have, from a cursor on: HSCAN. */
void attendance_places_command(struct command *c, const struct events_rules *r,
    const struct events_node *n, const char *cursor);
#define ATTENDANCE_CURSOR_BYTES 21
#define ATTENDANCE_CURSOR_FIRST "0" /* as the next one: these were the last ones */
struct attendance_place {
    char session_id[SESSION_ID_BYTES];
    const char *group; /* both borrowed from the reply */
    const char *user_id;
};
struct attendance_places {
    char cursor[ATTENDANCE_CURSOR_BYTES]; /* the next one */
    struct attendance_place *items;       /* owned: free() */
    size_t count;
};
enum err attendance_places_decode(
    const struct redisReply *reply, struct attendance_places *out) MUST_CHECK;

/* Who is in a group: at most so many names. */
void attendance_list_command(
    struct command *c, const struct events_rules *r, const char *group, int64_t count);
struct attendance_list {
    int64_t count;      /* of users */
    const char **names; /* owned, as an array: free(); borrowed from the reply */
    size_t name_count;
};
enum err attendance_list_decode(
    const struct redisReply *reply, struct attendance_list *out) MUST_CHECK;

/* What was told after an entry; "": none was read yet, which is a gap. At most so many entries. */
void attendance_news_command(
    struct command *c, const struct events_rules *r, const char *last_id, int64_t count);
struct attendance_change {
    const char *group; /* both borrowed from the reply */
    const char *user_id;
    bool is_in;
    int64_t count; /* of users in the group, since then */
    size_t place;  /* in the reply */
};
struct attendance_news {
    char last_id[MESSAGE_ID_BYTES];
    bool gap; /* entries after the one that was asked for may be gone: ask who is there */
    struct attendance_change *changes; /* owned: free(); in their order */
    size_t count;
};
enum err attendance_news_decode(
    const struct redisReply *reply, struct attendance_news *out) MUST_CHECK;
/* Leaves the last change of each user and group: by group, and in it by user. Even one back to how
 * it was: who was told the list in between knows it the other way. */
void attendance_news_settle(struct attendance_news *news);

#endif
