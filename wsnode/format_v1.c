/*
 * socketsend.v1: JSON text frames of our JavaScript client, {"type":"…",…} in both directions.
 * Messages do not name the session, so all sessions share one encoded frame; the client
 * acknowledges by id.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/group_name.h"
#include "shared/json.h"
#include "wsnode/format.h"

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
    buf_addf(out, ",\"count\":%" PRId64 ",\"present\":[", list->count);
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

/* One type of frame from the client. */
struct frame_type {
    const char *name;
    const char *fields[5];
    enum err (*parse)(
        struct slice frame, struct json_object *o, struct format_event *out, struct problem *p);
};

static enum err parse_ack(
    struct slice frame, struct json_object *o, struct format_event *out, struct problem *p)
{
    struct slice text = {NULL, 0};

    (void)frame;
    enum err err = json_get_string((struct json_field){o, "", "id"}, &text, p);
    if (err) {
        return err;
    }
    if (!text.at) {
        return problem_set(p, ERR_MISSING_FIELD, "id", NULL);
    }
    if (message_id_parse(text, &out->id) != ERR_OK) {
        return problem_set(p, ERR_BAD_VALUE, "id", "not the id of a message");
    }
    out->type = FORMAT_ACK;
    return ERR_OK;
}

static enum err parse_pong(
    struct slice frame, struct json_object *o, struct format_event *out, struct problem *p)
{
    (void)frame;
    (void)o;
    (void)p;
    out->type = FORMAT_PONG;
    return ERR_OK;
}

static bool is_mark(struct slice raw)
{
    return raw.at && raw.at[0] == '"' && raw.len <= CLIENT_MARK_BYTES_MAX;
}

/* A member that is absent, or a string that is not too long; as it stands in the frame. */
static enum err get_mark(struct slice frame, const char *name, struct slice *out, struct problem *p)
{
    struct slice raw = json_raw_member(frame, name);

    if (raw.at && !is_mark(raw)) {
        return problem_set(p, ERR_BAD_VALUE, name, "not a string of at most 128 bytes");
    }
    *out = raw;
    return ERR_OK;
}

static enum err parse_send(
    struct slice frame, struct json_object *o, struct format_event *out, struct problem *p)
{
    struct slice text = json_raw_member(frame, "json");

    (void)o;
    if (!text.at) {
        return problem_set(p, ERR_MISSING_FIELD, "json", NULL);
    }
    enum err err = get_mark(frame, "ref", &out->ref, p);
    if (!err) {
        err = get_mark(frame, "to", &out->to, p);
    }
    out->text = text;
    out->is_json = true;
    out->type = FORMAT_TEXT;
    return err;
}

static enum err parse_topic(struct json_object *o, struct format_event *out, struct problem *p)
{
    struct slice topic = {NULL, 0};

    enum err err = json_get_string((struct json_field){o, "", "topic"}, &topic, p);
    if (err) {
        return err;
    }
    if (!topic.at) {
        return problem_set(p, ERR_MISSING_FIELD, "topic", NULL);
    }
    err = address_check_topic(topic, "topic", p);
    if (!err) {
        memcpy(out->topic, topic.at, topic.len);
    }
    return err;
}

static enum err parse_subscribe(
    struct slice frame, struct json_object *o, struct format_event *out, struct problem *p)
{
    struct slice last_id = {NULL, 0};

    (void)frame;
    out->type = FORMAT_SUBSCRIBE;
    enum err err = parse_topic(o, out, p);
    if (err || (err = json_get_string((struct json_field){o, "", "lastId"}, &last_id, p))) {
        return err;
    }
    out->has_last_id = last_id.at != NULL;
    if (out->has_last_id && message_id_parse(last_id, &out->id) != ERR_OK) {
        return problem_set(p, ERR_BAD_VALUE, "lastId", "not the id of a message");
    }
    return ERR_OK;
}

static enum err parse_unsubscribe(
    struct slice frame, struct json_object *o, struct format_event *out, struct problem *p)
{
    (void)frame;
    out->type = FORMAT_UNSUBSCRIBE;
    return parse_topic(o, out, p);
}

/* A token has no character that JSON would escape, so the raw text is the token, or no token. */
static enum err parse_auth(
    struct slice frame, struct json_object *o, struct format_event *out, struct problem *p)
{
    struct slice text = {NULL, 0};

    enum err err = json_get_string((struct json_field){o, "", "token"}, &text, p);
    if (err) {
        return err;
    }
    if (!text.at) {
        return problem_set(p, ERR_MISSING_FIELD, "token", NULL);
    }
    struct slice quoted = json_raw_member(frame, "token");
    out->text = (struct slice){quoted.at + 1, quoted.len - 2};
    out->type = FORMAT_AUTH;
    return ERR_OK;
}

static const struct frame_type frame_types[] = {
    {"ack", {"type", "id"}, parse_ack},
    {"pong", {"type"}, parse_pong},
    {"send", {"type", "to", "json", "ref"}, parse_send},
    {"subscribe", {"type", "topic", "lastId", "ref"}, parse_subscribe},
    {"unsubscribe", {"type", "topic", "ref"}, parse_unsubscribe},
    {"auth", {"type", "token", "ref"}, parse_auth},
};

static const struct frame_type *find_frame_type(struct slice name)
{
    for (size_t i = 0; i < sizeof(frame_types) / sizeof(frame_types[0]); i++) {
        if (slice_equal(name, frame_types[i].name)) {
            return &frame_types[i];
        }
    }
    return NULL;
}

/* Only a string comes back: what else would a client look its frame up by? */
static struct slice ref_of(struct slice frame)
{
    struct slice ref = json_raw_member(frame, "ref");

    return is_mark(ref) ? ref : (struct slice){NULL, 0};
}

static enum err parse_object(
    struct slice frame, struct json_object *o, struct format_event *out, struct problem *p)
{
    struct slice name = {NULL, 0};

    enum err err = json_get_string((struct json_field){o, "", "type"}, &name, p);
    if (err) {
        return err;
    }
    if (!name.at) {
        return problem_set(p, ERR_MISSING_FIELD, "type", NULL);
    }
    const struct frame_type *type = find_frame_type(name);
    if (!type) {
        return problem_set(p, ERR_BAD_VALUE, "type", "no such type of frame");
    }
    err = json_only(o, "", type->fields, p);
    return err ? err : type->parse(frame, o, out, p);
}

static enum err parse(struct slice frame, struct format_event *out, struct problem *p)
{
    struct json_object *object;

    *out = (struct format_event){.type = FORMAT_NOTHING};
    enum err err = json_parse_object(frame, &object, p);
    if (err) {
        return err;
    }
    out->ref = ref_of(frame);
    err = parse_object(frame, object, out, p);
    json_object_put(object);
    return err;
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
    .parse = parse,
};
