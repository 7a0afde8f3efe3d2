/*
 * The request of POST /forwardSend, both ways. The answer is in envelope_answer.c.
 */
#include "shared/envelope.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"

static const char *const wait_words[] = {"none", "written", "ack"};

/* Says what is wrong with a member. */
static enum err bad(struct problem *p, struct json_field field, const char *what)
{
    return json_refuse(field, ERR_BAD_ENVELOPE, what, p);
}

static void add_text(struct buf *out, const char *before, const char *text)
{
    buf_add_str(out, before);
    buf_add_str(out, text);
}

/* Those that are meant, or of a group those that are not. */
static void encode_sessions(const struct envelope_message *m, struct buf *out)
{
    buf_add_str(out, m->group[0] ? "\"exclude\":[" : "\"sessions\":[");
    for (size_t i = 0; i < m->session_count; i++) {
        add_text(out, i ? "\",\"" : "\"", m->sessions[i]);
    }
    buf_add_str(out, m->session_count > 0 ? "\"]," : "],");
}

static void encode_message(const struct envelope_message *m, struct buf *out)
{
    char id[MESSAGE_ID_BYTES];

    if (m->durable) {
        add_text(out, "{\"id\":\"", message_id_format(m->id, id));
        add_text(out, "\",\"prevId\":\"", message_id_format(m->prev_id, id));
    } else {
        add_text(out, "{\"forwardId\":\"", m->forward_id);
    }
    buf_add_str(out, "\",");
    if (m->group[0]) {
        buf_add_str(out, "\"group\":");
        buf_add_json_string(out, m->group, strlen(m->group));
        buf_add_char(out, ',');
    }
    if (!m->group[0] || m->session_count > 0) {
        encode_sessions(m, out);
    }
    buf_add_str(out, "\"bytes\":");
    buf_add_u64(out, m->payload.len);
    buf_add_char(out, '}');
}

void envelope_encode(const struct envelope *e, struct buf *out)
{
    buf_addf(out, "{\"boot\":\"%s\",\"wait\":\"%s\",\"waitMs\":%" PRId64 ",\"messages\":[", e->boot,
        wait_words[e->wait], e->wait_ms);
    for (size_t i = 0; i < e->message_count; i++) {
        if (i) {
            buf_add_char(out, ',');
        }
        encode_message(&e->messages[i], out);
    }
    buf_add_str(out, "]}\n");
    for (size_t i = 0; i < e->message_count; i++) {
        buf_add(out, e->messages[i].payload.at, e->messages[i].payload.len);
    }
}

static enum err parse_wait(struct json_object *object, struct envelope *e, struct problem *p)
{
    struct json_field limit = {object, "", "waitMs"};
    struct slice word = slice_of("none");
    enum err err = json_get_string((struct json_field){object, "", "wait"}, &word, p);

    if (err || (err = json_get_int(limit, 0, INT64_MAX, &e->wait_ms, p))) {
        return err;
    }
    if (e->wait_ms > ENVELOPE_WAIT_MS_MAX) {
        return bad(p, limit, "is more than 10 minutes");
    }
    for (size_t i = 0; i < sizeof(wait_words) / sizeof(wait_words[0]); i++) {
        if (slice_equal(word, wait_words[i])) {
            e->wait = (enum message_wait)i;
            return ERR_OK;
        }
    }
    return problem_set(p, ERR_BAD_ENVELOPE, "wait", "wait is not none, written or ack");
}

static enum err parse_message_id(struct json_field field, struct message_id *out, struct problem *p)
{
    struct slice text = slice_of("");
    enum err err = json_get_string(field, &text, p);

    if (err) {
        return err;
    }
    if (message_id_parse(text, out)) {
        return bad(p, field, "is not a message id");
    }
    return ERR_OK;
}

/* id and prevId, or forwardId. */
static enum err parse_identity(
    struct json_object *object, const char *path, struct envelope_message *m, struct problem *p)
{
    enum err err;

    m->durable = json_object_object_get_ex(object, "id", NULL);
    if (!m->durable) {
        return json_copy_string((struct json_field){object, path, "forwardId"}, m->forward_id,
            sizeof(m->forward_id), p);
    }
    err = parse_message_id((struct json_field){object, path, "id"}, &m->id, p);
    if (err) {
        return err;
    }
    return parse_message_id((struct json_field){object, path, "prevId"}, &m->prev_id, p);
}

static enum err parse_session_id(struct json_object *element, char out[SESSION_ID_BYTES])
{
    struct slice id;

    if (!json_object_is_type(element, json_type_string)) {
        return ERR_WRONG_TYPE;
    }
    id.at = json_object_get_string(element);
    id.len = (size_t)json_object_get_string_len(element);
    if (!id_is_session(id)) {
        return ERR_BAD_VALUE;
    }
    memcpy(out, id.at, id.len);
    return ERR_OK;
}

static enum err parse_group(
    struct json_object *object, const char *path, struct envelope_message *m, struct problem *p)
{
    struct json_field field = {object, path, "group"};
    struct slice name = {NULL, 0};
    enum err err = json_get_string(field, &name, p);

    if (err || !name.at) {
        return err;
    }
    return group_name_copy(name, "", m->group, NULL) ? bad(p, field, "is not a group's name") : err;
}

/* Those that are meant, or of a group those that are not. */
static enum err parse_sessions(
    struct json_object *object, const char *path, struct envelope_message *m, struct problem *p)
{
    struct json_field field = {object, path, m->group[0] ? "exclude" : "sessions"};
    struct json_object *array = NULL;
    enum err err = json_get_array(field, &array, p);
    size_t count = array ? json_object_array_length(array) : 0;

    if (err) {
        return err;
    }
    if (count == 0) {
        return m->group[0] ? ERR_OK : bad(p, field, "has no element");
    }
    m->sessions = calloc(count, sizeof(*m->sessions));
    if (!m->sessions) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    for (; m->session_count < count; m->session_count++) {
        struct json_object *element = json_object_array_get_idx(array, m->session_count);

        if (parse_session_id(element, m->sessions[m->session_count])) {
            char name[sizeof("sessions[18446744073709551615]")];

            snprintf(name, sizeof(name), "%s[%zu]", field.name, m->session_count);
            return bad(p, (struct json_field){object, path, name}, "is not a session id");
        }
    }
    return ERR_OK;
}

/* A problem inside the payload is told at the place that announces it. */
static enum err check_payload(struct slice payload, struct json_field field, struct problem *p)
{
    char path[sizeof(p->field)];
    struct problem inside = {0};
    enum err err = json_check(payload, NULL, &inside);

    if (!err) {
        return ERR_OK;
    }
    json_path(path, sizeof(path), field.path, field.name);
    return problem_set(p, err, path, "the payload that %s counts: %s", path, inside.msg);
}

/* Takes the message's payload off the start of rest. */
static enum err take_payload(struct json_object *object, const char *path, struct slice *rest,
    struct envelope_message *m, struct problem *p)
{
    struct json_field field = {object, path, "bytes"};
    int64_t bytes = 0;
    enum err err = json_get_int(field, 0, INT64_MAX, &bytes, p);

    if (err) {
        return err;
    }
    if ((uint64_t)bytes > rest->len) {
        return bad(p, field, "is more than what is left of the body");
    }
    m->payload = (struct slice){rest->at, (size_t)bytes};
    *rest = (struct slice){rest->at + bytes, rest->len - (size_t)bytes};
    if (m->payload.len == 0 || m->payload.at[0] != '{') {
        return bad(p, field, "does not count a JSON object");
    }
    return check_payload(m->payload, field, p);
}

static enum err parse_message(struct json_object *object, const char *path, struct slice *rest,
    struct envelope_message *m, struct problem *p)
{
    enum err err;

    if (!json_object_is_type(object, json_type_object)) {
        return problem_set(p, ERR_WRONG_TYPE, path, "%s is not an object", path);
    }
    if ((err = parse_identity(object, path, m, p)) || (err = parse_group(object, path, m, p)) ||
        (err = parse_sessions(object, path, m, p))) {
        return err;
    }
    return take_payload(object, path, rest, m, p);
}

static enum err parse_messages(
    struct json_object *line, struct slice payloads, struct envelope *e, struct problem *p)
{
    struct json_object *array = NULL;
    struct slice rest = payloads;
    size_t sessions = 0;
    enum err err = json_get_array((struct json_field){line, "", "messages"}, &array, p);

    if (err) {
        return err;
    }
    size_t count = array ? json_object_array_length(array) : 0;
    if (count == 0 || count > ENVELOPE_MESSAGES_MAX) {
        return problem_set(p, ERR_BAD_ENVELOPE, "messages", "messages has not 1 to %d elements",
            ENVELOPE_MESSAGES_MAX);
    }
    e->messages = calloc(count, sizeof(*e->messages));
    if (!e->messages) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    while (e->message_count < count) {
        struct envelope_message *m = &e->messages[e->message_count];
        char path[sizeof("messages[18446744073709551615]")];

        snprintf(path, sizeof(path), "messages[%zu]", e->message_count);
        /* Counted first, so that envelope_finish() frees what a failed message has. */
        err =
            parse_message(json_object_array_get_idx(array, e->message_count++), path, &rest, m, p);
        if (err) {
            return err;
        }
        sessions += m->session_count;
        if (sessions > ENVELOPE_SESSIONS_MAX) {
            return problem_set(p, ERR_BAD_ENVELOPE, path, "there are more than %d sessions in all",
                ENVELOPE_SESSIONS_MAX);
        }
    }
    if (rest.len > 0) {
        return problem_set(
            p, ERR_BAD_ENVELOPE, "messages", "%zu bytes are left after the last payload", rest.len);
    }
    return ERR_OK;
}

enum err envelope_decode(struct slice body, struct envelope *out, struct problem *p)
{
    const char *newline = memchr(body.at, '\n', body.len);
    struct envelope e = {0};
    struct json_object *line;
    struct slice payloads;
    enum err err;

    if (!newline) {
        return problem_set(p, ERR_BAD_ENVELOPE, "", "no newline ends the first line");
    }
    err = json_parse_object((struct slice){body.at, (size_t)(newline - body.at)}, &line, p);
    if (err) {
        return err;
    }
    payloads = (struct slice){newline + 1, body.len - (size_t)(newline - body.at) - 1};
    if ((err = json_copy_string(
             (struct json_field){line, "", "boot"}, e.boot, sizeof(e.boot), p)) ||
        (err = parse_wait(line, &e, p)) || (err = parse_messages(line, payloads, &e, p))) {
        envelope_finish(&e);
    } else {
        *out = e;
    }
    json_object_put(line);
    return err;
}

void envelope_finish(struct envelope *e)
{
    for (size_t i = 0; i < e->message_count; i++) {
        free(e->messages[i].sessions);
    }
    free(e->messages);
}
