/*
 * Subscribing: is it allowed, the node into the topic, and then the answer.
 */
#include "wsnode/session_subscribe.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/topic_pattern.h"
#include "wsnode/announce.h"
#include "wsnode/attendance.h"
#include "wsnode/presence.h"
#include "wsnode/session_grant.h"
#include "wsnode/session_internal.h"
#include "wsnode/session_topic.h"

static void refuse(
    struct node *n, struct session *s, enum err err, const struct format_event *event)
{
    struct problem problem;

    (void)problem_set(&problem, err, "topic", NULL);
    session_tell_problem(n, s, &problem, event);
}

static void tell(struct node *n, struct session *s, const struct format_subscribed *what)
{
    struct buf frame;

    session_frame_init(&frame, what->topic.len + what->ref.len);
    s->format->subscribed(what, &frame);
    session_tell(n, s, &frame);
    buf_finish(&frame);
}

void session_tell_subscribed(struct node *n, struct subscription *sub, bool recovered)
{
    char *ref = sub->ref;
    struct format_subscribed what = {.topic = slice_of(topic_table_name(sub)),
        .ref = slice_of(ref ? ref : ""),
        .has_history = sub->has_history,
        .position = sub->watermark,
        .recovered = recovered};

    if (!sub->is_told) {
        sub->is_told = true;
        attendance_join(n, sub->session, topic_table_name(sub));
    }
    sub->ref = NULL;
    tell(n, sub->session, &what);
    free(ref);
}

/* The node is in the topic, as far as senders look. */
static void after_joined(struct node *n, struct subscription *sub)
{
    if (sub->has_history && !sub->has_place) {
        session_topic_begin(n, sub);
    } else {
        session_tell_subscribed(n, sub, true);
    }
}

static void on_joined(struct node *n, struct topic_waiter *w)
{
    after_joined(
        n, (struct subscription *)(void *)((char *)w - offsetof(struct subscription, waiter)));
}

static void end_one(struct node *n, struct session *s, struct subscription *sub)
{
    if (sub->is_told) {
        attendance_leave(n, s, topic_table_name(sub));
    }
    topics_local_cancel(&sub->waiter);
    topics_local_leave(&n->topics, topic_table_name(sub), n->now_ms);
    topic_table_remove(&n->topic_table, s->subscriptions, sub);
    if (s->subscriptions->count == 0 && s->subscriptions->memberships_version == 0) {
        free(s->subscriptions);
        s->subscriptions = NULL;
    }
}

static bool may_have_some(struct session *s)
{
    if (!s->subscriptions) {
        s->subscriptions = calloc(1, sizeof(*s->subscriptions));
    }
    return s->subscriptions != NULL;
}

/* NULL: no memory. */
static struct subscription *add(struct node *n, struct session *s, const char *topic)
{
    if (!may_have_some(s)) {
        return NULL;
    }
    struct subscription *sub = topic_table_add(&n->topic_table, s, s->subscriptions, topic);
    if (sub && !topics_local_join(&n->topics, topic, n->now_ms)) {
        sub->waiter.on_joined = on_joined;
        sub->has_history = topic_pattern_has(n->config->topics_history, topic);
        sub->from_now = true;
        return sub;
    }
    if (sub) {
        topic_table_remove(&n->topic_table, s->subscriptions, sub);
    }
    return NULL;
}

/* The client's frame is answered once it holds what it asked for. */
static void answer_when_joined(struct node *n, struct subscription *sub, struct slice ref)
{
    free(sub->ref);
    sub->ref = ref.len > 0 ? strndup(ref.at, ref.len) : NULL;
    if (sub->waiter.topic) {
        return;
    }
    if (topics_local_await(&n->topics, topic_table_name(sub), &sub->waiter)) {
        after_joined(n, sub);
    } else {
        presence_topics_changed(n);
    }
}

/* What the token says of topics counts, and where it says nothing, what anyone may. */
static bool is_allowed(const struct node *n, const struct session *s, const char *topic)
{
    bool is_said = s->grant && s->grant->topics;

    return topic_pattern_has(is_said ? s->grant->topics : n->config->topics_allow, topic);
}

void session_subscribe(struct node *n, struct session *s, const struct format_event *event)
{
    struct subscription *sub = topic_table_find(s->subscriptions, event->topic);

    if (!sub && !is_allowed(n, s, event->topic)) {
        refuse(n, s, ERR_TOPIC_FORBIDDEN, event);
        return;
    }
    if (!sub && s->subscriptions && s->subscriptions->count >= n->config->topics_max_per_session) {
        refuse(n, s, ERR_TOO_MANY_TOPICS, event);
        return;
    }
    if (announce_is_behind(n, s)) {
        refuse(n, s, ERR_REDIS_DOWN, event);
        return;
    }
    if (!sub && !(sub = add(n, s, event->topic))) {
        refuse(n, s, ERR_NO_MEMORY, event);
        return;
    }
    sub->by_client = true;
    if (sub->has_history && event->has_last_id) {
        sub->has_place = false;
        sub->from_now = false;
        sub->watermark = event->id;
    }
    answer_when_joined(n, sub, event->ref);
}

static void tell_ended(struct node *n, struct session *s, const char *topic, struct slice ref)
{
    struct format_subscribed what = {.topic = slice_of(topic), .ref = ref, .has_ended = true};

    tell(n, s, &what);
}

void session_unsubscribe(struct node *n, struct session *s, const struct format_event *event)
{
    struct subscription *sub = topic_table_find(s->subscriptions, event->topic);
    struct problem problem;

    if (sub && sub->by_backend) {
        (void)problem_set(&problem, ERR_BAD_VALUE, "topic", "subscribed by the backend");
        session_tell_problem(n, s, &problem, event);
        return;
    }
    if (sub) {
        end_one(n, s, sub);
    }
    tell_ended(n, s, event->topic, event->ref);
}

static void end_unasked(struct node *n, struct session *s, struct subscription *sub)
{
    char topic[ADDRESS_PART_BYTES_MAX + 1];

    (void)snprintf(topic, sizeof(topic), "%s", topic_table_name(sub));
    end_one(n, s, sub);
    tell_ended(n, s, topic, slice_of(""));
}

void session_end_forbidden(struct node *n, struct session *s)
{
    struct subscription *next;

    for (struct subscription *sub = s->subscriptions ? LIST_FIRST(&s->subscriptions->list) : NULL;
         sub && s->state != SESSION_CLOSING; sub = next) {
        next = LIST_NEXT(sub, of_session);
        if (!sub->by_client || is_allowed(n, s, topic_table_name(sub))) {
            continue;
        }
        sub->by_client = false;
        if (!sub->by_backend) {
            end_unasked(n, s, sub);
        }
    }
}

static bool is_wanted(const struct memberships *m, const struct address *a, const char *topic)
{
    for (size_t i = 0; i < m->count; i++) {
        if (strcmp(m->items[i].topic, topic) == 0 && membership_is_for(&m->items[i], a)) {
            return true;
        }
    }
    return false;
}

/* What the backend does not want any more. */
static void drop_unwanted(
    struct node *n, struct session *s, const struct memberships *m, const struct address *a)
{
    struct subscription *next;

    for (struct subscription *sub = LIST_FIRST(&s->subscriptions->list); sub; sub = next) {
        next = LIST_NEXT(sub, of_session);
        if (!sub->by_backend || is_wanted(m, a, topic_table_name(sub))) {
            continue;
        }
        sub->by_backend = false;
        if (!sub->by_client) {
            end_unasked(n, s, sub);
        }
        if (s->state == SESSION_CLOSING) {
            return; /* the connection is gone, and all subscriptions with it */
        }
    }
}

static void add_wanted(struct node *n, struct session *s, const char *topic)
{
    struct subscription *sub = topic_table_find(s->subscriptions, topic);

    if (!sub && !(sub = add(n, s, topic))) {
        s->subscriptions->memberships_version = 0; /* so that the next refresh tries again */
        return;
    }
    sub->by_backend = true;
    if (!sub->is_told && !sub->waiter.topic) {
        answer_when_joined(n, sub, slice_of(""));
    }
}

/* Versions only grow: an older one was overtaken, and without any Redis has lost them, and what is
 * known here goes on. Telling the client may end the session: then there is nothing left to be in.
 */
void session_take_memberships(
    struct node *n, struct session *s, const struct memberships *memberships)
{
    struct address address;

    if (s->state == SESSION_CLOSING || memberships->version <= session_memberships_version(s) ||
        !may_have_some(s)) {
        return;
    }
    session_table_address(s, &address);
    s->subscriptions->memberships_version = memberships->version;
    drop_unwanted(n, s, memberships, &address);
    for (size_t i = 0; i < memberships->count && s->state != SESSION_CLOSING; i++) {
        if (membership_is_for(&memberships->items[i], &address)) {
            add_wanted(n, s, memberships->items[i].topic);
        }
    }
}

int64_t session_memberships_version(const struct session *s)
{
    return s->subscriptions ? s->subscriptions->memberships_version : 0;
}

void session_end_subscriptions(struct node *n, struct session *s)
{
    while (s->subscriptions && !LIST_EMPTY(&s->subscriptions->list)) {
        end_one(n, s, LIST_FIRST(&s->subscriptions->list));
    }
    free(s->subscriptions);
    s->subscriptions = NULL;
}
