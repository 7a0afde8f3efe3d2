/*
 * Which sessions of this node subscribe to which topic, by topic and by session. A topic is there
 * as long as it has subscriptions.
 */
#ifndef WSNODE_TOPIC_TABLE_H
#define WSNODE_TOPIC_TABLE_H

#include "shared/err.h"
#include "shared/id.h"
#include "wsnode/topics_local.h"

struct session;
struct topic_entry;

/* One session's to one topic. */
struct subscription {
    LIST_ENTRY(subscription) of_session;
    struct session *session;    /* borrowed: the session ends its subscriptions */
    struct topic_entry *topic;  /* borrowed from the table */
    struct topic_waiter waiter; /* until the node is in the topic, in Redis */
    char *ref;                  /* owned: of the client's frame, until it is answered; or NULL */
    uint32_t place;             /* among the topic's */
    uint32_t number;            /* another one than of those that ended before */
    bool by_client;             /* one of the two at least */
    bool by_backend;
    bool is_told;     /* the client knows that it gets what is sent */
    bool has_history; /* what follows is about this */
    bool has_place;   /* the log was read once, and the client told */
    bool from_now;    /* else from watermark; until it has a place */
    bool fetching;
    bool is_stale;  /* what is being fetched is not wanted any more */
    bool is_behind; /* to be fetched as soon as that is possible */
    struct message_id
        watermark;            /* the last one that the session was given, or that was not for it */
    struct message_id wanted; /* the highest one heard of since the last fetch was asked for */
};

/* All of a session's. */
struct subscriptions {
    LIST_HEAD(subscription_list, subscription) list;
    int64_t count;
    int64_t memberships_version; /* of what the backend wants; 0: nothing yet */
};

struct topic_table {
    struct topic_entry *by_name; /* uthash; owned */
    uint32_t last_number;
};

/* Adds one to a topic and to its session's. NULL: no memory. */
struct subscription *topic_table_add(
    struct topic_table *t, struct session *s, struct subscriptions *of_session, const char *topic);
/* Takes it out of both, and frees it. It waits for nothing. */
void topic_table_remove(
    struct topic_table *t, struct subscriptions *of_session, struct subscription *sub);
/* NULL: the session does not subscribe to it. of_session may be NULL: to none. */
struct subscription *topic_table_find(const struct subscriptions *of_session, const char *topic);
const char *topic_table_name(const struct subscription *sub);

size_t topic_table_count(const struct topic_table *t, const char *topic);
/* fn must not end any. */
void topic_table_each(const struct topic_table *t, const char *topic,
    void (*fn)(struct session *s, void *arg), void *arg);

#endif
