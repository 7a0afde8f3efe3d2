/*
 * The format of a bare `new WebSocket(url)`: every frame from the node is
 * {"type":n,"forwardSocketUserInfoRequest":{…}}, every text from the client is for the application.
 * WebSocket's own pings keep the connection alive, and there are neither acknowledgements nor
 * errors.
 */
#include <inttypes.h>
#include <string.h>

#include "wsnode/format.h"

enum frame_type { FRAME_MESSAGE = 1, FRAME_CONNECTED = 2, FRAME_NOTICE = 3, FRAME_ECHO = 4 };

static void begin(struct buf *out, enum frame_type type)
{
    buf_addf(out, "{\"type\":%d,\"forwardSocketUserInfoRequest\":{", (int)type);
}

static void end(struct buf *out)
{
    buf_add_str(out, "}}");
}

static void add_session(struct buf *out, const struct format_session *s)
{
    char key[ADDRESS_KEY_BYTES];

    address_format_key(&s->address, key);
    buf_add_str(out, "\"key\":");
    buf_add_json_string(out, key, strlen(key));
    buf_add_str(out, ",\"userId\":");
    buf_add_json_string(out, s->address.user_id, strlen(s->address.user_id));
    buf_addf(out, ",\"sessionId\":\"%s\"", s->session_id);
}

static void connected(
    const struct format_session *s, const struct format_connected *c, struct buf *out)
{
    char position[MESSAGE_ID_BYTES];

    begin(out, FRAME_CONNECTED);
    add_session(out, s);
    buf_addf(out, ",\"position\":\"%s\"", message_id_format(c->position, position));
    end(out);
}

static void message(const struct format_session *s, const struct format_message *m, struct buf *out)
{
    char id[MESSAGE_ID_BYTES];

    begin(out, FRAME_MESSAGE);
    if (!message_id_is_zero(m->id)) {
        buf_addf(out, "\"id\":\"%s\",", message_id_format(m->id, id));
    }
    if (m->topic.len > 0) {
        buf_add_str(out, "\"topic\":");
        buf_add_json_string(out, m->topic.at, m->topic.len);
        buf_add_char(out, ',');
    }
    add_session(out, s);
    format_add_members(out, m->payload);
    end(out);
}

static void add_text_frame(
    struct buf *out, enum frame_type type, const struct format_session *s, struct slice text)
{
    begin(out, type);
    add_session(out, s);
    buf_add_str(out, ",\"msgInfo\":");
    buf_add_json_string(out, text.at, text.len);
    end(out);
}

static void unread_notice(
    const struct format_session *s, const char *text, int64_t unread, struct buf *out)
{
    const char *place = strstr(text, "%d");
    struct buf filled;

    buf_init(&filled, strlen(text) + 20);
    if (place) {
        buf_add(&filled, text, (size_t)(place - text));
        buf_addf(&filled, "%" PRId64, unread);
        buf_add_str(&filled, place + 2);
    } else {
        buf_add_str(&filled, text);
    }
    /* The cap fits any number, so only memory can be missing: then so is the notice. */
    if (buf_err(&filled) == ERR_OK) {
        add_text_frame(out, FRAME_NOTICE, s, (struct slice){buf_str(&filled), filled.len});
    }
    buf_finish(&filled);
}

static void duplicate_notice(const struct format_session *s, const char *text, struct buf *out)
{
    add_text_frame(out, FRAME_NOTICE, s, slice_of(text));
}

static void echo(const struct format_session *s, struct slice text, struct buf *out)
{
    add_text_frame(out, FRAME_ECHO, s, text);
}

static void subscribed(const struct format_subscribed *s, struct buf *out)
{
    (void)s;
    (void)out;
}

static void presence(const struct format_presence *p, struct buf *out)
{
    (void)p;
    (void)out;
}

/* A reply is a message like any other. */
static void taken(const struct format_session *s, const struct format_taken *t, struct buf *out)
{
    if (t->reply.len == 0) {
        return;
    }
    begin(out, FRAME_MESSAGE);
    add_session(out, s);
    buf_add_str(out, ",\"json\":");
    buf_add(out, t->reply.at, t->reply.len);
    end(out);
}

static void ping(struct buf *out)
{
    (void)out;
}

static void error(const struct format_error *e, struct buf *out)
{
    (void)e;
    (void)out;
}

static enum err parse(struct slice frame, struct format_event *out, struct problem *p)
{
    (void)p;
    *out = (struct format_event){.type = FORMAT_TEXT, .text = frame};
    return ERR_OK;
}

const struct format format_plain = {
    .place = FORMAT_PLAIN,
    .subprotocol = "",
    .client_acks = false,
    .shares_frames = false,
    .pings_by_frame = false,
    .echoes = true,
    .connected = connected,
    .unread_notice = unread_notice,
    .duplicate_notice = duplicate_notice,
    .message = message,
    .echo = echo,
    .subscribed = subscribed,
    .presence = presence,
    .taken = taken,
    .ping = ping,
    .error = error,
    .parse = parse,
};
