/*
 * socketsend.v1: JSON text frames of our JavaScript client, {"type":"…",…} in both directions.
 * Messages do not name the session, so all sessions share one encoded frame; the client
 * acknowledges by id. What comes from the client is in format_v1_parse.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/group_name.h"
#include "shared/json.h"
#include "wsnode/format_v1.h"

static const char *text_of(bool yes)
{
    return yes ? "true" : "false";
}

static void add_expiry(int64_t expires_ms, int64_t expires_in_ms, struct buf *out)
{
    buf_addf(out, ",\"expires\":%" PRId64 ",\"expiresIn\":%" PRId64, expires_ms,
        expires_in_ms > 0 ? expires_in_ms : 0);
}

static void connected(
    const struct format_session *s, const struct format_connected *c, struct buf *out)
{
    char key[ADDRESS_KEY_BYTES];
    char position[MESSAGE_ID_BYTES];

    address_format_key(&s->address, key);
    buf_addf(out, "{\"type\":\"connected\",\"sessionId\":\"%s\",\"key\":", s->session_id);
    buf_add_json_string(out, key, strlen(key));
    buf_addf(out, ",\"unread\":%" PRId64 ",\"ping\":%" PRId64, c->unread, c->ping_ms);
    buf_addf(out, ",\"position\":\"%s\"", message_id_format(c->position, position));
    buf_addf(out, ",\"recovered\":%s,\"missed\":%" PRId64, text_of(c->recovered), c->missed);
    if (c->expires_ms != 0) {
        add_expiry(c->expires_ms, c->expires_in_ms, out);
    }
    buf_add_char(out, '}');
}

/* `connected` has the number. */
static void unread_notice(
    const struct format_session *s, const char *text, int64_t unread, struct buf *out)
{
    (void)s;
    (void)text;
    (void)unread;
    (void)out;
}

static void duplicate_notice(const struct format_session *s, const char *text, struct buf *out)
{
    (void)s;
    buf_add_str(out, "{\"type\":\"duplicate\",\"msgInfo\":");
    buf_add_json_string(out, text, strlen(text));
    buf_add_char(out, '}');
}

static void add_topic(struct buf *out, struct slice topic)
{
    if (topic.len > 0) {
        buf_add_str(out, ",\"topic\":");
        buf_add_json_string(out, topic.at, topic.len);
    }
}

static void add_raw(struct buf *out, const char *name, struct slice value)
{
    if (value.len > 0) {
        buf_addf(out, ",\"%s\":", name);
        buf_add(out, value.at, value.len);
    }
}

static void message(const struct format_session *s, const struct format_message *m, struct buf *out)
{
    char id[MESSAGE_ID_BYTES];

    (void)s;
    buf_add_str(out, "{\"type\":\"message\"");
    if (!message_id_is_zero(m->id)) {
        buf_add_str(out, ",\"id\":\"");
        buf_add_str(out, message_id_format(m->id, id));
        buf_add_char(out, '"');
    }
    add_topic(out, m->topic);
    format_add_members(out, m->payload);
    buf_add_str(out, m->replay ? ",\"replay\":true}" : "}");
}

static void echo(const struct format_session *s, struct slice text, struct buf *out)
{
    (void)s;
    (void)text;
    (void)out;
}

static void subscribed(const struct format_subscribed *s, struct buf *out)
{
    char position[MESSAGE_ID_BYTES];

    buf_addf(out, "{\"type\":\"%s\"", s->has_ended ? "unsubscribed" : "subscribed");
    add_topic(out, s->topic);
    if (s->has_history) {
        buf_addf(out, ",\"position\":\"%s\"", message_id_format(s->position, position));
        buf_addf(out, ",\"recovered\":%s", text_of(s->recovered));
    }
    add_raw(out, "ref", s->ref);
    buf_add_char(out, '}');
}

static void add_group(const char *group, struct buf *out)
{
    char server_client[ADDRESS_PART_BYTES_MAX + 1];

    if (group_name_is_topic(group)) {
        add_topic(out, slice_of(group));
        return;
    }
    group_name_server_client(group, server_client);
    const char *page = group + strlen(server_client) + 1;
    buf_add_str(out, ",\"serverClient\":");
    buf_add_json_string(out, server_client, strlen(server_client));
    buf_add_str(out, ",\"page\":");
    buf_add_json_string(out, page, strlen(page));
}

static void add_list(const struct attendance_list *list, struct buf *out)
{
    buf_add_str(out, ",\"present\":[");
    for (size_t i = 0; i < list->name_count; i++) {
        buf_add_str(out, i > 0 ? "," : "");
        buf_add_json_string(out, list->names[i], strlen(list->names[i]));
    }
    buf_add_char(out, ']');
}

static void add_changes(
    const struct format_presence *p, const char *name, bool is_in, struct buf *out)
{
    const char *separator = "";

    buf_addf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < p->change_count; i++) {
        const struct attendance_change *c = &p->changes[i];
        if (c->is_in == is_in) {
            buf_add_str(out, separator);
            buf_add_json_string(out, c->user_id, strlen(c->user_id));
            separator = ",";
        }
    }
    buf_add_char(out, ']');
}

static void presence(const struct format_presence *p, struct buf *out)
{
    buf_add_str(out, "{\"type\":\"presence\"");
    add_group(p->group, out);
    buf_addf(out, ",\"count\":%" PRId64, p->count);
    if (p->list) {
        add_list(p->list, out);
    } else {
        add_changes(p, "joined", true, out);
        add_changes(p, "left", false, out);
    }
    buf_add_char(out, '}');
}

/* Without a ref the client could not tell which one it was: it is not told. */
static void taken(const struct format_session *s, const struct format_taken *t, struct buf *out)
{
    (void)s;
    if (t->ref.len == 0 && t->reply.len == 0) {
        return;
    }
    buf_addf(out, "{\"type\":\"%s\"", t->reply.len > 0 ? "reply" : "sent");
    add_raw(out, "ref", t->ref);
    add_raw(out, "json", t->reply);
    buf_add_char(out, '}');
}

static void ping(struct buf *out)
{
    buf_add_str(out, "{\"type\":\"ping\"}");
}

static void renewed(int64_t expires_ms, int64_t expires_in_ms, struct buf *out)
{
    buf_add_str(out, "{\"type\":\"auth\"");
    add_expiry(expires_ms, expires_in_ms, out);
    buf_add_char(out, '}');
}

static void error(const struct format_error *e, struct buf *out)
{
    const struct problem *p = e->problem;
    char msg[sizeof(p->field) + sizeof(": ") + sizeof(p->msg)];

    snprintf(msg, sizeof(msg), "%s%s%s", p->field, p->field[0] ? ": " : "", p->msg);
    buf_addf(out, "{\"type\":\"error\",\"code\":%d,\"msg\":", err_code(p->err));
    buf_add_json_string(out, msg, strlen(msg));
    buf_addf(out, ",\"temporary\":%s", text_of(e->temporary));
    add_topic(out, e->topic);
    add_raw(out, "ref", e->ref);
    buf_add_char(out, '}');
}

const struct format format_v1 = {
    .place = FORMAT_V1,
    .subprotocol = "socketsend.v1",
    .client_acks = true,
    .shares_frames = true,
    .pings_by_frame = true,
    .echoes = false,
    .connected = connected,
    .unread_notice = unread_notice,
    .duplicate_notice = duplicate_notice,
    .message = message,
    .echo = echo,
    .subscribed = subscribed,
    .presence = presence,
    .taken = taken,
    .ping = ping,
    .renewed = renewed,
    .error = error,
    .parse = format_v1_parse,
};
