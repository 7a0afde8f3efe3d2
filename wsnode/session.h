/*
 * One live connection of one user, from the end of its handshake to its close. A small machine:
 *
 *   on_open ─▶ OPENING ─after_open─▶ REPLAYING ─after_fetch─▶ LIVE ─▶ CLOSING ─on_closed─▶ (gone)
 *                                        ▲────── gap ──────────┘
 *
 * session_*() are called by ws_protocol (events of the connection), presence (answers of the registry), deliver (forwards) and
 * node_on_tick (rings). Files: session_connect.c, session_register.c, session_replay.c, session_live.c, session_close.c.
 *
 * Watermark: the id of the last durable message that the session was given, or that was not for it. A forward that is not above it is a
 * duplicate; one whose previous id is above it shows a gap, and the inbox is fetched from the watermark. So each session gets
 * each durable message exactly once and in order, or its connection ends.
 */
#ifndef WSNODE_SESSION_H
#define WSNODE_SESSION_H

#include <uthash.h>

#include "shared/envelope.h"
#include "shared/inbox.h"
#include "shared/registry.h"
#include "wsnode/format.h"
#include "wsnode/node.h"
#include "wsnode/outbox.h"
#include "wsnode/socket.h"

#define STATE(name, ...) SESSION_##name,
enum session_state {
#include "wsnode/session_states.def"
    SESSION_STATE_COUNT
};
#undef STATE
#define CLOSE(name, code, ...) CLOSE_##name = code,
enum close_reason {
#include "wsnode/close_reasons.def"
};
#undef CLOSE
const char *close_reason_text(enum close_reason r);

struct session {
    UT_hash_handle by_id;
    LIST_ENTRY(session) of_user;
    LIST_ENTRY(session) of_page;
    struct session_user *user; /* borrowed from the table */
    struct session_page *page; /* borrowed from the table */
    const struct format *format;
    struct socket *socket; /* borrowed from ws_protocol */
    struct outbox outbox;
    struct ring_entry liveness; /* in openings, then pings or pongs */
    struct ring_entry refresh;  /* in refreshes */
    struct ring_entry full;     /* in slow */
    int64_t since_ms;           /* wall clock */
    int64_t last_rx_ms;         /* monotonic: the peer's last sign of life */
    int64_t refreshed_ms;       /* monotonic */
    struct message_id watermark;
    struct message_id written;  /* the last durable message that the kernel has */
    struct message_id acked;    /* read up to here */
    struct message_id wanted;   /* the highest id that is known to be in the inbox */
    struct inbox_cursors *replay; /* owned; only while the first replay runs with a filter */
    char id[SESSION_ID_BYTES];
    unsigned char state;        /* enum session_state */
    bool fetching;              /* an answer of the registry is awaited */
    bool registered;            /* the registry knows it: it must be told of the end */
};

/* What ws_protocol found in the handshake. */
struct session_handshake {
    struct address address;
    const struct format *format;
    char last_id[MESSAGE_ID_BYTES]; /* "" : none */
};

/* Events of the connection. */
struct session *session_on_open(struct node *n, struct socket *socket, const struct session_handshake *h, int64_t now_ms); /* NULL: no memory; end the connection */
void session_on_text(struct node *n, struct session *s, struct slice frame, int64_t now_ms); /* complete, valid UTF-8 */
void session_on_alive(struct node *n, struct session *s, int64_t now_ms); /* any frame, pong included */
void session_on_writable(struct node *n, struct session *s);
void session_on_closed(struct node *n, struct session *s); /* the connection is gone; frees s */

/* Answers of the registry. opened and fetched are borrowed. */
void session_after_open(struct node *n, struct session *s, const struct registry_opened *opened);
void session_after_refresh(struct node *n, struct session *s, const struct registry_refreshed *refreshed);
void session_after_fetch(struct node *n, struct session *s, const struct inbox_fetched *fetched); /* NULL: failed; tried again on the next refresh */

/* Somebody says that there may be more in the inbox. */
void session_resync(struct node *n, struct session *s);

/* A forward. `wait`: number of the delivery that is to be told (deliver_on_progress()) when a message that is `queued` now gets written, or acked; 0: nobody.
 * frame: in and out, the encoded frame if the format shares it: NULL at first, kept by the caller for the next session of the format. */
struct session_forward {
    const struct envelope_message *message; /* borrowed */
    uint64_t wait;
    struct payload **frames; /* one place per format: [0] plain, [1] v1 */
};
enum delivery_status session_forward(struct node *n, struct session *s, const struct session_forward *f);

/* Ends the session with a close frame. */
void session_close(struct node *n, struct session *s, enum close_reason reason);
void session_close_with(struct node *n, struct session *s, uint16_t code, const char *reason); /* a code of the caller's */
void session_notify_duplicate(struct node *n, struct session *s);

/* Rings: pings, silence, waits for the registry, slow readers, refreshes. Bounded work per call. */
void session_on_tick(struct node *n, int64_t now_ms);

/* For /sessions and answers. */
int64_t session_idle_ms(const struct session *s, int64_t now_ms);
const char *session_state_text(enum session_state state);

#endif
