/*
 * One live connection of one user, from the end of its handshake to its close. A small machine:
 *
 *   on_open ─▶ OPENING ─after_open─▶ REPLAYING ─after_fetch─▶ LIVE ─▶ CLOSING ─on_closed─▶ (gone)
 *                                        ▲────── gap ──────────┘
 *
 * session_*() are called by ws_protocol (events of the connection), presence (answers of the
 * registry), deliver (forwards) and node_on_tick (rings). Files: session_connect.c,
 * session_register.c, session_replay.c, session_live.c, session_close.c; session_upstream.c is what
 * the client says to the application; session_write.c and session_tick.c serve them all.
 *
 * Watermark: the id of the last durable message that the session was given, or that was not for it.
 * A forward that is not above it is a duplicate; one whose previous id is above it shows a gap, and
 * the inbox is fetched from the watermark. So each session gets each durable message exactly once
 * and in order, or its connection ends.
 */
#ifndef WSNODE_SESSION_H
#define WSNODE_SESSION_H

#include "shared/client_address.h"
#include "shared/envelope.h"
#include "shared/inbox.h"
#include "shared/registry.h"
#include "wsnode/format.h"
#include "wsnode/hash.h"
#include "wsnode/node.h"
#include "wsnode/outbox.h"
#include "wsnode/session_grant.h"
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
    struct session_user *user; /* borrowed from the table */
    struct session_page *page; /* borrowed from the table */
    const struct format *format;
    struct socket *socket; /* borrowed from ws_protocol */
    struct outbox outbox;
    struct subscriptions *subscriptions; /* owned; NULL: none */
    struct outbox *held;         /* owned; what must wait until the replay is over; NULL: nothing */
    struct ring_entry liveness;  /* in openings, then pings or pongs */
    struct ring_entry refresh;   /* in refreshes */
    struct ring_entry full;      /* in slow: the outbox was full and has not drained since */
    int64_t since_ms;            /* wall clock */
    int64_t last_rx_ms;          /* monotonic: the peer's last sign of life */
    int64_t last_tx_ms;          /* monotonic: when the kernel last took a frame */
    client_number client;        /* who connected; 0: not known */
    struct message_id watermark; /* while OPENING: what the client says that it has */
    struct message_id written;   /* the last durable message that the kernel has */
    struct message_id acked;     /* read up to here */
    struct message_id wanted;    /* the highest id heard of since the last fetch was asked for */
    struct message_id passed;    /* up to here, what was not shown cannot be told from what was */
    struct message_id early_ack; /* of what the replay has yet to reach */
    struct inbox_cursors *replay;  /* owned; only while the first replay runs with a filter */
    struct session_limits *limits; /* owned; NULL: no option asks for it */
    struct session_grant *grant;   /* owned; until its token ends; NULL: there is none */
    uint32_t page_place;           /* among the page's sessions */
    char id[SESSION_ID_BYTES];
    unsigned char state; /* enum session_state */
    bool fetching : 1;   /* an answer of the registry is awaited */
    bool registered : 1; /* the registry may know it: it must be told of the end */
    bool pinged : 1;     /* liveness is in pongs */
    bool
        in_flight : 1; /* the outbox's first item is with the socket, but not yet with the kernel */
    bool expects : 1;  /* the inbox must have something after the watermark */
    bool refreshing : 1;  /* an answer to a refresh is awaited */
    bool checks : 1;      /* session_check() came while OPENING, or refreshing */
    bool asks_topics : 1; /* which ones the backend wants; and again after that */
    bool asks_topics_again : 1;
    bool retries : 1;  /* its fetch failed, and is made again after a pause */
    bool excepted : 1; /* it was led past messages that except it: its acks are not for these */
};
/* There are many of them: what a session does not need while it is idle hangs on a pointer. */
_Static_assert(sizeof(struct session) <= 400, "a session must stay small");

#define HANDSHAKE_KEY_BYTES 25 /* 16 bytes in base64, and a NUL */

/* Proxies that add a header of their own instead of an entry; of more, the last ones count. */
#define HANDSHAKE_FORWARDED_MAX 4

/* Where the handshake says that it comes from. Borrowed from its head: gone when that is. */
struct handshake_source {
    struct slice host;
    struct slice origin;                                 /* at is NULL: none was given */
    struct slice forwarded_for[HANDSHAKE_FORWARDED_MAX]; /* X-Forwarded-For, in order */
    size_t forwarded_count;
    size_t url_bytes;
};

/* Where a handshake may have a token; at == NULL: nothing there. Borrowed from the head. */
struct session_credentials {
    struct slice query_token; /* percent-encoded */
    struct slice authorization;
    struct slice cookies;
};

/* What the handshake asked for. */
struct session_handshake {
    struct address address;
    const struct format *format;
    char last_id[MESSAGE_ID_BYTES]; /* "": none */
    char key[HANDSHAKE_KEY_BYTES];  /* Sec-WebSocket-Key */
    struct handshake_source source;
    client_number client; /* if has_client: who it comes from, found out by gate_check() */
    bool has_client;
    struct session_credentials credentials; /* for admission_decide(), which has the head still */
    struct token token; /* what admits it: a token, or the hook's answer; no user_id: nothing */
};

/* Events of the connection. */
/* NULL: no memory; end the connection. */
struct session *session_on_open(
    struct node *n, struct socket *socket, const struct session_handshake *h, int64_t now_ms);
/* A complete frame of valid UTF-8. Proves life as session_on_alive() does. */
void session_on_text(struct node *n, struct session *s, struct slice frame, int64_t now_ms);
void session_on_alive(
    struct node *n, struct session *s, int64_t now_ms); /* any part of a message */
/* A ping, pong or empty fragment: proves life, and counts as a frame (node.frame_rate). */
void session_on_control(struct node *n, struct session *s, int64_t now_ms);
void session_on_writable(struct node *n, struct session *s);
/* The kernel has taken some of a frame, which is a sign of life, too: the peer reads. */
void session_on_progress(struct node *n, struct session *s);
/* Its close frame has come; code: 0 if there is none in it. session_on_closed() follows. */
void session_on_peer_close(struct node *n, struct session *s, uint16_t code);
void session_on_closed(struct node *n, struct session *s); /* the connection is gone; frees s */

/* Answers of the registry. All arguments are borrowed. */
void session_after_open(struct node *n, struct session *s, const struct registry_opened *opened);
/* watermark: the session's, when it was asked. */
void session_after_refresh(struct node *n, struct session *s,
    const struct registry_refreshed *refreshed, struct message_id watermark);
/* NULL: failed. It is tried again by the next forward, session_resync() and the next refresh. */
void session_after_fetch(struct node *n, struct session *s, const struct inbox_fetched *fetched);

/* What became of a text for the application. All is borrowed. */
struct session_upstream {
    enum err err;       /* ERR_OK: it was taken */
    struct slice ref;   /* as format_event.ref */
    struct slice text;  /* it */
    struct slice reply; /* the backend's, as JSON; len 0: none */
};
void session_after_upstream(
    struct node *n, struct session *s, const struct session_upstream *outcome);

/* Somebody says that there may be more in the inbox. */
void session_resync(struct node *n, struct session *s);
/* May it go on? The registry is asked now, or, while it opens the session, right after that: what
 * it then answers may be older than what was ordered meanwhile. */
void session_check(struct node *n, struct session *s);

struct session_forward {
    const struct envelope_message *message; /* borrowed */
    /* Number of the delivery that deliver_on_written() is to tell when a non-durable message that
     * is queued now gets written; 0: nobody. (deliver_on_durable_written() tells of durable ones,
     * by id.)
     */
    uint64_t wait;
    /* Out: it was written or queued as a frame, which may tell; NULL: nobody asks. Not so what is
     * left to a fetch, or came before. */
    bool *has_frame;
    /* In and out, by format.place: the encoded frame where the format shares it. NULL at first; the
     * caller unrefs them after the last session. */
    struct payload **frames;
};
enum delivery_status session_forward(
    struct node *n, struct session *s, const struct session_forward *f);
/* What is known of a durable message that the session was given or is still to get. */
enum delivery_status session_delivery_status(const struct session *s, struct message_id id);

/* Ends the session with a close frame; what is queued is dropped. s stays until
 * session_on_closed(). */
void session_close(struct node *n, struct session *s, enum close_reason reason);
/* A code and reason of the caller's. */
void session_close_with(struct node *n, struct session *s, uint16_t code, const char *reason);
void session_notify_duplicate(struct node *n, struct session *s);
/* A frame of no message, in order with all others. As session_write() (session_internal.h). */
enum delivery_status session_push(struct node *n, struct session *s, struct payload *payload);

/*
 * Rings: pings, silence, waits for the registry, slow readers, refreshes (also those that
 * node.register_again_before_ms asks for). Bounded work per call.
 */
void session_on_tick(struct node *n, int64_t now_ms);

/* For a stop: sessions that are not being closed yet. */
int64_t session_open_count(const struct node *n);
struct session *session_any_open(const struct node *n); /* those that came last are the last ones */

/* For /sessions and answers. */
int64_t session_idle_ms(const struct session *s, int64_t now_ms);
const char *session_state_text(enum session_state state);

#endif
