/*
 * A format is the way one and the same message looks on the wire, chosen by the WebSocket
 * subprotocol: bytes out, events in, no I/O. format_plain.c (no subprotocol), format_v1.c
 * (socketsend.v1). docs/protocol.md describes the frames.
 *
 * Encoders add to `out` and leave their errors there; those for which a format has no frame add
 * nothing.
 */
#ifndef WSNODE_FORMAT_H
#define WSNODE_FORMAT_H

#include "shared/address.h"
#include "shared/attendance.h"
#include "shared/id.h"

struct format_session {
    const char *session_id;
    struct address address;
};
struct format_connected {
    struct message_id position; /* what to resume from */
    bool recovered;
    int64_t unread;
    int64_t missed;
    int64_t ping_ms;       /* a sign of life comes at least so often */
    int64_t expires_ms;    /* wall clock: the token's end; 0: it has none */
    int64_t expires_in_ms; /* until then */
};
struct format_message {
    struct message_id id; /* {0,0}: non-durable, no id is shown */
    struct slice topic;   /* that it was sent to; len 0: none */
    struct slice payload; /* a JSON object: spliced in, never parsed */
    bool replay;
};
struct format_subscribed {
    struct slice topic;
    struct slice ref; /* format_event.ref; at == NULL: none */
    bool has_ended;   /* unsubscribed */
    bool has_history; /* what follows is shown */
    struct message_id position;
    bool recovered;
};
/* What became of a text for the application: it was taken. */
struct format_taken {
    struct slice ref;   /* format_event.ref; len 0: none */
    struct slice reply; /* the backend's, as JSON; len 0: none */
};
/* Who is in a group, or what has changed there. */
struct format_presence {
    const char *group;                       /* a topic, or a page: group_name.h */
    int64_t count;                           /* of users */
    const struct attendance_list *list;      /* NULL: changes */
    const struct attendance_change *changes; /* one of a user */
    size_t change_count;
};
struct format_error {
    const struct problem *problem;
    bool temporary;     /* the same may work later */
    struct slice ref;   /* format_event.ref; at == NULL: none */
    struct slice topic; /* that it is about; len 0: none */
};

enum format_event_type {
    FORMAT_NOTHING,
    FORMAT_ACK,
    FORMAT_PONG,
    FORMAT_SUBSCRIBE,
    FORMAT_UNSUBSCRIBE,
    FORMAT_AUTH,
    FORMAT_TEXT /* for the application: the upstream */
};
struct format_event {
    enum format_event_type type;
    struct message_id id; /* FORMAT_ACK; FORMAT_SUBSCRIBE if has_last_id */
    bool has_last_id;
    struct slice text; /* FORMAT_TEXT; FORMAT_AUTH: the token. Borrowed from the frame */
    /* FORMAT_SUBSCRIBE, FORMAT_UNSUBSCRIBE; "" otherwise. Set also where parse() fails later on. */
    char topic[ADDRESS_PART_BYTES_MAX + 1];
    struct slice to; /* FORMAT_TEXT: a JSON string, borrowed from it; at == NULL: none */
    bool is_json;    /* FORMAT_TEXT */
    /* The frame's "ref" as JSON, borrowed from it; at == NULL: none. Set also where parse() fails.
     */
    struct slice ref;
};

/* Places of the formats in tables, such as session_forward.frames. */
enum { FORMAT_PLAIN, FORMAT_V1, FORMAT_COUNT };

struct format {
    int place;
    const char *subprotocol; /* "": none */
    bool client_acks;        /* else a message counts as read once it is written */
    bool shares_frames;      /* message() does not depend on the session */
    bool pings_by_frame;     /* else by protocol pings */
    bool echoes;             /* a text for the application is answered, if node.echo says so */
    void (*connected)(
        const struct format_session *s, const struct format_connected *c, struct buf *out);
    /* text: node.unread_text; its first %d becomes the number. */
    void (*unread_notice)(
        const struct format_session *s, const char *text, int64_t unread, struct buf *out);
    void (*duplicate_notice)(const struct format_session *s, const char *text, struct buf *out);
    void (*message)(
        const struct format_session *s, const struct format_message *m, struct buf *out);
    void (*echo)(const struct format_session *s, struct slice text, struct buf *out);
    void (*subscribed)(const struct format_subscribed *s, struct buf *out);
    void (*presence)(const struct format_presence *p, struct buf *out); /* the same for all */
    void (*taken)(const struct format_session *s, const struct format_taken *t, struct buf *out);
    void (*ping)(struct buf *out);
    /* The answer to FORMAT_AUTH, for formats whose parse() makes that; times as in connected. */
    void (*renewed)(int64_t expires_ms, int64_t expires_in_ms, struct buf *out);
    void (*error)(const struct format_error *e, struct buf *out);
    /* One complete text frame (valid UTF-8) from the client. On an error the session is told and
     * goes on. ERR_NOT_JSON …, ERR_MISSING_FIELD, ERR_UNKNOWN_FIELD, ERR_WRONG_TYPE, ERR_BAD_VALUE.
     */
    enum err (*parse)(struct slice frame, struct format_event *out, struct problem *p);
};
extern const struct format format_plain, format_v1;
extern const struct format *const formats[FORMAT_COUNT]; /* by place */

/* names: Sec-WebSocket-Protocol ("a, b"), or "" where there is none. The first one that is known;
 * NULL: none is. */
const struct format *format_find(struct slice names);

/* For the formats: the members of a JSON object, without its braces, each with a comma before it.
 */
void format_add_members(struct buf *out, struct slice object);

#endif
