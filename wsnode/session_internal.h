/*
 * What the session_*.c files share with each other and nobody else.
 */
#ifndef WSNODE_SESSION_INTERNAL_H
#define WSNODE_SESSION_INTERNAL_H

#include "wsnode/session.h"

/* session_write.c */

/*
 * Writes a frame now if nothing waits before it, else queues it. WRITTEN, QUEUED, REJECTED (no
 * room; the session counts as full until its outbox has drained), or GONE (the session ends, by
 * itself or because memory ran out).
 */
enum delivery_status session_write(struct node *n, struct session *s, struct payload *payload,
    struct message_id id, uint64_t wait);
/* Keeps a non-durable frame until the replay is over. QUEUED, REJECTED or GONE. */
enum delivery_status session_hold(
    struct node *n, struct session *s, struct payload *payload, uint64_t wait);
void session_release_held(struct node *n, struct session *s); /* writes what was kept */
/* Frames that nobody waits for: empty ones are skipped, those that do not fit are dropped. */
void session_tell(struct node *n, struct session *s, const struct buf *frame);
/* event: the frame of the client that it answers. */
void session_tell_problem(
    struct node *n, struct session *s, const struct problem *p, const struct format_event *event);
/* One reference, the caller's. NULL: no memory. */
struct payload *session_encode(const struct session *s, const struct format_message *m);
/* A frame's largest size: escaping makes six bytes of one at most. */
void session_frame_init(struct buf *frame, size_t text_bytes);
void session_describe(const struct session *s, struct format_session *out);

/* session_replay.c */

/* Shows a page of the inbox, and then fetches the next one or goes LIVE. */
void session_replay_page(struct node *n, struct session *s, const struct inbox_page *page);
/* Fetches from the watermark, unless something is awaited already. */
void session_fetch(struct node *n, struct session *s);
/* The inbox has this id: it will be fetched. */
void session_want(struct session *s, struct message_id id);

/* session_live.c */

/* The frame of a forward, one reference, the caller's. NULL: no memory. */
struct payload *session_frame_of(const struct session *s, const struct session_forward *f);
/* A frame of the forward is about to be written or queued. */
void session_note_frame(const struct session_forward *f);
/* Writes it, or keeps it until the replay is over. */
enum delivery_status session_deliver(
    struct node *n, struct session *s, const struct session_forward *f);

/* The replay has come to its end: was it true what the client acknowledged before? */
void session_take_early_ack(struct node *n, struct session *s);

/* session_upstream.c */

void session_take_text(struct node *n, struct session *s, const struct format_event *event);

/* session_tick.c */

void session_start_rings(struct node *n, struct session *s); /* from OPENING to REPLAYING */
/* A client that is pinged by frames hears something at least so often (ms). */
int64_t session_sign_of_life_ms(const struct config *config);
void session_stop_rings(struct node *n, struct session *s); /* before CLOSING */
/* The peer takes bytes again: as good as the pong that may be awaited. */
void session_take_as_pong(struct node *n, struct session *s);

/* session_close.c */

/* The connection is dead; session_on_closed() comes later. */
void session_lose(struct node *n, struct session *s);

#endif
