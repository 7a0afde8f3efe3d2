/*
 * From frames to the socket: written at once while the socket is free, else through the outbox.
 * Keeps account of what the kernel really has, because that is what senders are told.
 */
#include <stdlib.h>

#include "wsnode/deliver.h"
#include "wsnode/presence.h"
#include "wsnode/session_internal.h"
#include "wsnode/session_topic.h"

/* Room for what a frame has around its texts; the key and the ids are well below it. */
#define FRAME_OVERHEAD_BYTES 4096
/* Frames written to one session before the others get their turn. */
#define FLUSH_FRAMES_MAX 64

void session_frame_init(struct buf *frame, size_t text_bytes)
{
    buf_init(frame, FRAME_OVERHEAD_BYTES + 6 * text_bytes);
}

void session_describe(const struct session *s, struct format_session *out)
{
    out->session_id = s->id;
    session_table_address(s, &out->address);
}

struct payload *session_encode(const struct session *s, const struct format_message *m)
{
    struct format_session description;
    struct buf frame;

    session_describe(s, &description);
    session_frame_init(&frame, m->topic.len + m->payload.len);
    s->format->message(&description, m, &frame);
    struct payload *payload = payload_from_buf(&frame);
    buf_finish(&frame);
    return payload;
}

/* The kernel has all bytes of a frame. */
static void after_written(struct node *n, struct session *s, struct message_id id, uint64_t wait)
{
    node_stat_add(frames_written, 1);
    s->last_tx_ms = n->now_ms;
    if (!message_id_is_zero(id)) {
        s->written = id;
        if (!s->format->client_acks) {
            s->acked = id;
            presence_ack(n, s);
        }
        deliver_on_durable_written(n, s, id);
    } else if (wait != 0) {
        deliver_on_written(n, s, wait);
    }
}

/* All that waits for the session, held back or not, shares one bound. */
static bool has_room(const struct node *n, const struct session *s, size_t len)
{
    size_t max_bytes = (size_t)n->config->node_queue_max_bytes;

    if (s->held) {
        return outbox_has_room(s->held, len + s->outbox.bytes, max_bytes);
    }
    return outbox_has_room(&s->outbox, len, max_bytes);
}

static enum delivery_status reject(struct node *n, struct session *s)
{
    node_stat_add(messages_rejected, 1);
    /* Where nothing waits for the socket, it is the registry that is slow, and not the reader. */
    if (s->full.due_ms == 0 && !outbox_is_empty(&s->outbox)) {
        ring_add(&n->slow, &s->full, n->now_ms);
    }
    return DELIVERY_REJECTED;
}

static enum delivery_status push(
    struct node *n, struct session *s, struct outbox *to, const struct outbox_item *item)
{
    if (outbox_push(to, item->payload, item->id, item->wait) != ERR_OK) {
        session_close(n, s, CLOSE_RESYNC); /* what is missing now, the next connection fetches */
        return DELIVERY_GONE;
    }
    node_stat_add(frames_queued, 1);
    return DELIVERY_QUEUED;
}

static enum delivery_status enqueue(
    struct node *n, struct session *s, const struct outbox_item *item)
{
    if (!has_room(n, s, item->payload->len)) {
        return reject(n, s);
    }
    if (outbox_is_empty(&s->outbox)) {
        socket_want_writable(s->socket);
    }
    return push(n, s, &s->outbox, item);
}

enum delivery_status session_write(
    struct node *n, struct session *s, struct payload *payload, struct message_id id, uint64_t wait)
{
    struct outbox_item item = {.payload = payload, .id = id, .wait = wait};

    if (s->state == SESSION_CLOSING) {
        return DELIVERY_GONE;
    }
    if (!outbox_is_empty(&s->outbox) || !socket_is_free(s->socket)) {
        return enqueue(n, s, &item);
    }
    switch (socket_write_text(s->socket, payload)) {
    case SOCKET_WRITTEN:
        after_written(n, s, id, wait);
        return DELIVERY_WRITTEN;
    case SOCKET_BUFFERED:
        s->in_flight = true;
        return push(n, s, &s->outbox, &item);
    case SOCKET_BROKEN:
        break;
    }
    session_lose(n, s);
    return DELIVERY_GONE;
}

enum delivery_status session_hold(
    struct node *n, struct session *s, struct payload *payload, uint64_t wait)
{
    struct outbox_item item = {.payload = payload, .wait = wait};

    if (!has_room(n, s, payload->len)) {
        return reject(n, s);
    }
    if (!s->held) {
        s->held = malloc(sizeof(*s->held));
        if (!s->held) {
            session_close(n, s, CLOSE_RESYNC);
            return DELIVERY_GONE;
        }
        outbox_init(s->held);
    }
    return push(n, s, s->held, &item);
}

/* False: the first item has to wait for the socket, or the session has ended. */
static bool write_first(struct node *n, struct session *s)
{
    struct outbox_item *item = outbox_first(&s->outbox);

    if (!s->in_flight) {
        switch (socket_write_text(s->socket, item->payload)) {
        case SOCKET_WRITTEN:
            break;
        case SOCKET_BUFFERED:
            s->in_flight = true;
            return false;
        case SOCKET_BROKEN:
            session_lose(n, s);
            return false;
        }
    }
    s->in_flight = false;
    outbox_pop(&s->outbox);
    if ((int64_t)s->outbox.bytes <= n->config->node_queue_max_bytes / 2) {
        ring_remove(&n->slow, &s->full); /* it catches up */
    }
    after_written(n, s, item->id, item->wait);
    outbox_item_destroy(item);
    return s->state != SESSION_CLOSING;
}

static void flush(struct node *n, struct session *s)
{
    for (int i = 0; i < FLUSH_FRAMES_MAX; i++) {
        if (outbox_is_empty(&s->outbox) || !socket_is_free(s->socket)) {
            return;
        }
        if (!write_first(n, s)) {
            return;
        }
    }
    if (!outbox_is_empty(&s->outbox)) {
        socket_want_writable(s->socket);
    }
}

void session_release_held(struct node *n, struct session *s)
{
    struct outbox *held = s->held;

    if (!held) {
        return;
    }
    s->held = NULL;
    outbox_append(&s->outbox, held); /* counted already, so there is room */
    free(held);
    flush(n, s);
}

static void after_drained(struct node *n, struct session *s)
{
    ring_remove(&n->slow, &s->full);
    if (s->state == SESSION_REPLAYING) {
        session_fetch(n, s);
    }
    session_topics_catch_up(n, s);
}

void session_on_progress(struct node *n, struct session *s)
{
    if (s->state != SESSION_CLOSING) {
        session_take_as_pong(n, s);
    }
}

void session_on_writable(struct node *n, struct session *s)
{
    if (s->state == SESSION_CLOSING) {
        return;
    }
    session_take_as_pong(n, s);
    flush(n, s);
    if (s->state != SESSION_CLOSING && outbox_is_empty(&s->outbox)) {
        after_drained(n, s);
    }
}

enum delivery_status session_push(struct node *n, struct session *s, struct payload *payload)
{
    return s->state == SESSION_OPENING ? session_hold(n, s, payload, 0)
                                       : session_write(n, s, payload, (struct message_id){0, 0}, 0);
}

void session_tell(struct node *n, struct session *s, const struct buf *frame)
{
    struct payload *payload = frame->len > 0 ? payload_from_buf(frame) : NULL;

    if (payload) {
        (void)session_push(n, s, payload);
        payload_unref(payload);
    }
}

void session_tell_problem(
    struct node *n, struct session *s, const struct problem *p, const struct format_event *event)
{
    struct format_error error = {.problem = p,
        .temporary = err_http_status(p->err) >= 500,
        .ref = event->ref,
        .topic = slice_of(event->topic)};
    struct buf frame;

    session_frame_init(&frame, sizeof(*p) + error.ref.len + error.topic.len);
    s->format->error(&error, &frame);
    session_tell(n, s, &frame);
    buf_finish(&frame);
}
