/*
 * socketsend.v1: frames from the client.
 */
#include "wsnode/format_v1.h"

#include <string.h>

#include "shared/json.h"

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

enum err format_v1_parse(struct slice frame, struct format_event *out, struct problem *p)
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
