/*
 * Topics by name, each with an array of its subscriptions: whoever leaves is replaced by the last.
 */
#include "wsnode/topic_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "wsnode/hash.h"

struct topic_entry {
    UT_hash_handle hh;
    struct subscription **subscriptions; /* owned; each is owned by its session */
    uint32_t count;
    uint32_t room;
    char name[];
};

static struct topic_entry *find_topic(const struct topic_table *t, const char *name)
{
    struct topic_entry *topic;

    HASH_FIND(hh, t->by_name, name, strlen(name), topic);
    return topic;
}

/* Borrowed; NULL: no memory. */
static struct topic_entry *need_topic(struct topic_table *t, const char *name)
{
    struct topic_entry *topic = find_topic(t, name);
    size_t len = strlen(name);

    if (topic || !(topic = calloc(1, sizeof(*topic) + len + 1))) {
        return topic;
    }
    memcpy(topic->name, name, len + 1);
    HASH_ADD_KEYPTR(hh, t->by_name, topic->name, len, topic);
    if (!hash_has(topic, hh)) {
        free(topic);
        return NULL;
    }
    return topic;
}

static void drop_if_empty(struct topic_table *t, struct topic_entry *topic)
{
    if (topic->count > 0) {
        return;
    }
    assert(t->by_name);
    HASH_DELETE(hh, t->by_name, topic);
    free(topic->subscriptions);
    free(topic);
}

static bool has_room(struct topic_entry *topic)
{
    uint32_t room = topic->room ? 2 * topic->room : 1;

    if (topic->count < topic->room) {
        return true;
    }
    struct subscription **more =
        realloc(topic->subscriptions, room * sizeof(struct subscription *));
    if (!more) {
        return false;
    }
    topic->subscriptions = more;
    topic->room = room;
    return true;
}

struct subscription *topic_table_add(
    struct topic_table *t, struct session *s, struct subscriptions *of_session, const char *topic)
{
    struct topic_entry *entry = need_topic(t, topic);

    if (!entry) {
        return NULL;
    }
    struct subscription *sub = has_room(entry) ? calloc(1, sizeof(*sub)) : NULL;
    if (!sub) {
        drop_if_empty(t, entry);
        return NULL;
    }
    sub->session = s;
    sub->topic = entry;
    sub->place = entry->count;
    sub->number = ++t->last_number;
    entry->subscriptions[entry->count++] = sub;
    LIST_INSERT_HEAD(&of_session->list, sub, of_session);
    of_session->count++;
    return sub;
}

void topic_table_remove(
    struct topic_table *t, struct subscriptions *of_session, struct subscription *sub)
{
    struct topic_entry *topic = sub->topic;
    struct subscription *last = topic->subscriptions[--topic->count];

    assert(!sub->waiter.topic);
    topic->subscriptions[sub->place] = last;
    last->place = sub->place;
    LIST_REMOVE(sub, of_session);
    of_session->count--;
    drop_if_empty(t, topic);
    free(sub->ref);
    free(sub);
}

struct subscription *topic_table_find(const struct subscriptions *of_session, const char *topic)
{
    struct subscription *sub;

    if (!of_session) {
        return NULL;
    }
    LIST_FOREACH(sub, &of_session->list, of_session)
    {
        if (strcmp(sub->topic->name, topic) == 0) {
            return sub;
        }
    }
    return NULL;
}

const char *topic_table_name(const struct subscription *sub)
{
    return sub->topic->name;
}

size_t topic_table_count(const struct topic_table *t, const char *topic)
{
    const struct topic_entry *entry = find_topic(t, topic);

    return entry ? entry->count : 0;
}

void topic_table_each(const struct topic_table *t, const char *topic,
    void (*fn)(struct session *s, void *arg), void *arg)
{
    const struct topic_entry *entry = find_topic(t, topic);

    for (uint32_t i = 0; entry && i < entry->count; i++) {
        fn(entry->subscriptions[i]->session, arg);
    }
}
