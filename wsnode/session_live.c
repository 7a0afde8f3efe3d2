/*
 * Forwards to a session, and what its client says.
 */
#include <string.h>

#include "shared/group_name.h"
#include "wsnode/deliver.h"
#include "wsnode/presence.h"
#include "wsnode/session_internal.h"
#include "wsnode/session_limits.h"
#include "wsnode/session_subscribe.h"
#include "wsnode/session_topic.h"

struct payload *session_frame_of(const struct session *s, const struct session_forward *f)
{
    const struct envelope_message *m = f->message;
    struct format_message message = {.id = m->id, .payload = m->payload};
    struct payload **shared = &f->frames[s->format->place];

    if (group_name_is_topic(m->group)) {
        message.topic = slice_of(m->group); /* "" of what is for no group */
    }
    if (!s->format->shares_frames) {
        return session_encode(s, &message);
    }
    if (!*shared) {
        *shared = session_encode(s, &message);
    }
    return *shared ? payload_ref(*shared) : NULL;
}

void session_note_frame(const struct session_forward *f)
{
    if (f->has_frame) {
        *f->has_frame = true;
    }
}

/* Must a non-durable frame wait for the replay? If that is stuck (its fetch failed), it need not.
 */
static bool is_behind_replay(const struct session *s)
{
    if (s->state == SESSION_OPENING) {
        return true;
    }
    return s->state == SESSION_REPLAYING && (s->fetching || !outbox_is_empty(&s->outbox));
}

enum delivery_status session_deliver(
    struct node *n, struct session *s, const struct session_forward *f)
{
    const struct envelope_message *m = f->message;
    struct payload *payload = session_frame_of(s, f);
    enum delivery_status status;

    session_limits_on_message(n, s);
    if (!payload) {
        session_close(n, s, CLOSE_RESYNC);
        return DELIVERY_GONE;
    }
    session_note_frame(f);
    if (m->durable && !m->group[0]) {
        status = session_write(n, s, payload, m->id, 0);
    } else if (is_behind_replay(s)) {
        status = session_hold(n, s, payload, f->wait);
    } else {
        status = session_write(n, s, payload, (struct message_id){0, 0}, f->wait);
    }
    payload_unref(payload);
    return status;
}

/* It will come with the inbox; while the queue is full nobody can say when. */
static enum delivery_status leave_to_fetch(struct session *s, struct message_id id)
{
    session_want(s, id);
    s->expects = true;
    return s->full.due_ms != 0 ? DELIVERY_REJECTED : DELIVERY_QUEUED;
}

static enum delivery_status forward_durable(
    struct node *n, struct session *s, const struct session_forward *f)
{
    const struct envelope_message *m = f->message;

    if (s->state == SESSION_OPENING) {
        return leave_to_fetch(s, m->id); /* the watermark is only what the client claims */
    }
    if (message_id_compare(m->id, s->watermark) <= 0) {
        node_stat_add(messages_duplicate, 1);
        return session_delivery_status(s, m->id);
    }
    bool is_gap = message_id_compare(m->prev_id, s->watermark) > 0;
    if (s->state == SESSION_REPLAYING || is_gap) {
        enum delivery_status status = leave_to_fetch(s, m->id);
        node_stat_add(gaps, s->state != SESSION_REPLAYING);
        session_fetch(n, s); /* unless it is under way; the last one may have failed */
        return status;
    }
    enum delivery_status status = session_deliver(n, s, f);
    if (status == DELIVERY_REJECTED) {
        s->expects = true;
        session_fetch(n, s); /* once the outbox has drained */
    } else if (status != DELIVERY_GONE) {
        s->watermark = m->id;
    }
    return status;
}

enum delivery_status session_forward(
    struct node *n, struct session *s, const struct session_forward *f)
{
    if (s->state == SESSION_CLOSING) {
        return DELIVERY_GONE;
    }
    if (f->message->group[0] && group_name_is_topic(f->message->group)) {
        return session_topic_forward(n, s, f);
    }
    return f->message->durable ? forward_durable(n, s, f) : session_deliver(n, s, f);
}

void session_notify_duplicate(struct node *n, struct session *s)
{
    struct format_session description;
    struct buf frame;

    if (s->state == SESSION_CLOSING) {
        return;
    }
    session_describe(s, &description);
    session_frame_init(&frame, strlen(n->config->node_duplicate_text));
    s->format->duplicate_notice(&description, n->config->node_duplicate_text, &frame);
    session_tell(n, s, &frame);
    buf_finish(&frame);
}

static void refuse(struct node *n, struct session *s, const char *field, const char *why,
    const struct format_event *event)
{
    struct problem problem;

    (void)problem_set(&problem, ERR_BAD_VALUE, field, "%s", why);
    session_tell_problem(n, s, &problem, event);
}

static void move_ack(struct node *n, struct session *s, struct message_id id)
{
    if (message_id_compare(id, s->acked) <= 0) {
        return;
    }
    s->acked = id;
    node_stat_add(acks, 1);
    presence_ack(n, s);
    deliver_on_acked(n, s);
}

/*
 * Acknowledging a message that was never sent would hide it from the user's other devices. A client
 * that comes back acknowledges what it got over its last connection: that counts once the replay
 * has come so far.
 */
static void take_ack(struct node *n, struct session *s, const struct format_event *event)
{
    if (s->state != SESSION_OPENING && message_id_compare(event->id, s->written) <= 0) {
        move_ack(n, s, event->id);
    } else if (s->state == SESSION_LIVE) {
        refuse(n, s, "id", "unknown id", event);
    } else if (message_id_compare(event->id, s->early_ack) > 0) {
        s->early_ack = event->id;
    }
}

void session_take_early_ack(struct node *n, struct session *s)
{
    struct message_id id = s->early_ack;

    s->early_ack = (struct message_id){0, 0};
    if (message_id_compare(id, s->watermark) <= 0) {
        move_ack(n, s, id);
    } else {
        const struct format_event early = {.type = FORMAT_ACK};
        refuse(n, s, "id", "unknown id", &early);
    }
}

void session_on_text(struct node *n, struct session *s, struct slice frame, int64_t now_ms)
{
    struct format_event event;
    struct problem problem = {0};

    if (s->state == SESSION_CLOSING || !session_limits_take(n, s, frame.len, now_ms)) {
        return;
    }
    node_stat_add(inbound, 1);
    session_on_alive(n, s, now_ms);
    if (s->format->parse(frame, &event, &problem) != ERR_OK) {
        session_tell_problem(n, s, &problem, &event);
        return;
    }
    switch (event.type) {
    case FORMAT_NOTHING:
    case FORMAT_PONG:
        break;
    case FORMAT_ACK:
        session_limits_on_message(n, s);
        take_ack(n, s, &event);
        break;
    case FORMAT_AUTH:
        session_on_auth(n, s, &event);
        break;
    case FORMAT_SUBSCRIBE:
        session_limits_on_message(n, s);
        session_subscribe(n, s, &event);
        break;
    case FORMAT_UNSUBSCRIBE:
        session_limits_on_message(n, s);
        session_unsubscribe(n, s, &event);
        break;
    case FORMAT_TEXT:
        session_limits_on_message(n, s);
        session_take_text(n, s, &event);
        break;
    }
}
