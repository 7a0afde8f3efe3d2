/*
 * What comes to a session by way of topics. Messages of a topic have no place in the inbox: to the
 * session's queue they are frames without an id.
 */
#include "wsnode/session_topic.h"

#include "wsnode/presence.h"
#include "wsnode/session_internal.h"
#include "wsnode/session_subscribe.h"

static const struct message_id no_id = {0, 0};

/* The one that asked; NULL: it has ended, whether or not the client has subscribed again. */
static struct subscription *find_fetching(
    const struct session *s, const char *topic, uint32_t number)
{
    struct subscription *sub = topic_table_find(s->subscriptions, topic);

    return sub && sub->number == number && sub->fetching ? sub : NULL;
}

static void want(struct subscription *sub, struct message_id id)
{
    if (message_id_compare(id, sub->wanted) > 0) {
        sub->wanted = id;
    }
}

/* A page is about what the queue takes, so it must be empty. */
static void fetch(struct node *n, struct subscription *sub)
{
    struct session *s = sub->session;

    sub->is_behind = true;
    if (sub->fetching || s->state == SESSION_OPENING || !outbox_is_empty(&s->outbox)) {
        return; /* what is awaited leads back to here */
    }
    sub->is_behind = false;
    sub->wanted = no_id;
    sub->fetching = true;
    presence_fetch_topic(n, sub);
}

void session_topic_begin(struct node *n, struct subscription *sub)
{
    sub->has_place = false;
    sub->is_stale = sub->fetching;
    fetch(n, sub);
}

void session_topics_catch_up(struct node *n, struct session *s)
{
    struct subscription *sub;

    if (!s->subscriptions) {
        return;
    }
    LIST_FOREACH(sub, &s->subscriptions->list, of_session)
    {
        if (sub->is_behind) {
            fetch(n, sub);
        }
    }
}

void session_topic_check(
    struct node *n, struct session *s, const char *topic, struct message_id position)
{
    struct subscription *sub = topic_table_find(s->subscriptions, topic);

    /* Below the watermark Redis may have lost entries: the fetch will tell. */
    if (sub && sub->has_place && message_id_compare(position, sub->watermark) != 0) {
        want(sub, position);
        fetch(n, sub);
    }
}

/* It will come with the log; while the queue is full nobody can say when. */
static enum delivery_status leave_to_fetch(
    struct node *n, struct subscription *sub, struct message_id id)
{
    bool is_full = sub->session->full.due_ms != 0;

    want(sub, id);
    fetch(n, sub);
    return is_full ? DELIVERY_REJECTED : DELIVERY_QUEUED;
}

static enum delivery_status forward_kept(
    struct node *n, struct subscription *sub, const struct session_forward *f)
{
    const struct envelope_message *m = f->message;
    struct session *s = sub->session;

    if (!sub->has_place) {
        want(sub, m->id);
        return DELIVERY_QUEUED; /* the fetch that is to give it its place finds this too */
    }
    if (message_id_compare(m->id, sub->watermark) <= 0) {
        node_stat_add(messages_duplicate, 1);
        return DELIVERY_QUEUED;
    }
    bool is_gap = message_id_compare(m->prev_id, sub->watermark) > 0;
    if (is_gap || sub->fetching || sub->is_behind) {
        node_stat_add(gaps, is_gap && !sub->fetching);
        return leave_to_fetch(n, sub, m->id);
    }
    struct payload *payload = session_frame_of(s, f);
    if (!payload) {
        return leave_to_fetch(n, sub, m->id);
    }
    session_note_frame(f);
    enum delivery_status status = session_write(n, s, payload, no_id, f->wait);
    payload_unref(payload);
    if (status == DELIVERY_REJECTED) {
        fetch(n, sub); /* once the queue has drained */
    } else if (status != DELIVERY_GONE) {
        sub->watermark = m->id;
    }
    return status;
}

void session_topic_pass(struct session *s, const struct envelope_message *m)
{
    struct subscription *sub = topic_table_find(s->subscriptions, m->group);

    if (!sub || !sub->has_place || sub->fetching || sub->is_behind) {
        return;
    }
    if (message_id_compare(m->prev_id, sub->watermark) <= 0 &&
        message_id_compare(m->id, sub->watermark) > 0) {
        sub->watermark = m->id;
    }
}

enum delivery_status session_topic_forward(
    struct node *n, struct session *s, const struct session_forward *f)
{
    struct subscription *sub = topic_table_find(s->subscriptions, f->message->group);

    if (!sub) {
        return DELIVERY_PASSED;
    }
    if (f->message->durable && sub->has_history) {
        return forward_kept(n, sub, f);
    }
    return session_deliver(n, s, f);
}

bool session_topic_describe_fetch(
    const struct session *s, const char *topic, uint32_t number, struct topics_fetch *out)
{
    const struct subscription *sub = find_fetching(s, topic, number);

    if (!sub) {
        return false;
    }
    *out = (struct topics_fetch){.topic = topic_table_name(sub),
        .from_now = sub->from_now,
        .after = sub->watermark,
        .session_id = s->id};
    return true;
}

static enum delivery_status show(
    struct node *n, struct subscription *sub, const struct inbox_entry *entry)
{
    struct session *s = sub->session;
    struct format_message message = {.id = entry->id,
        .topic = slice_of(topic_table_name(sub)),
        .payload = entry->payload,
        .replay = true};
    struct payload *payload = session_encode(s, &message);

    if (!payload) {
        return DELIVERY_REJECTED;
    }
    enum delivery_status status = session_write(n, s, payload, no_id, 0);
    payload_unref(payload);
    return status;
}

static void show_page(struct node *n, struct subscription *sub, const struct inbox_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        enum delivery_status status = show(n, sub, &page->entries[i]);

        if (status == DELIVERY_GONE) {
            return; /* the session has ended, and sub with it */
        }
        if (status == DELIVERY_REJECTED) {
            fetch(n, sub); /* once the queue has drained */
            return;
        }
        sub->watermark = page->entries[i].id;
        node_stat_add(messages_replayed, 1);
    }
    if (message_id_compare(page->last, sub->watermark) > 0) {
        sub->watermark = page->last;
    }
    if (page->more || message_id_compare(sub->wanted, sub->watermark) > 0) {
        fetch(n, sub);
    } else {
        sub->is_behind = false;
    }
}

void session_after_topic_fetch(struct node *n, struct session *s, const char *topic,
    uint32_t number, const struct topics_fetched *fetched)
{
    struct subscription *sub = find_fetching(s, topic, number);

    if (!sub) {
        return;
    }
    sub->fetching = false;
    if (!fetched) {
        sub->is_behind = true;
        return;
    }
    if (sub->is_stale) {
        sub->is_stale = false;
        fetch(n, sub);
        return;
    }
    if (!sub->has_place || !fetched->recovered) {
        sub->has_place = true;
        sub->from_now = false;
        sub->watermark = fetched->start;
        session_tell_subscribed(n, sub, fetched->recovered);
    }
    if (s->state != SESSION_CLOSING) {
        show_page(n, sub, &fetched->page);
    }
}
