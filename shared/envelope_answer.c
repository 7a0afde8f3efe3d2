/*
 * The answer of POST /forwardSend, both ways.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/envelope.h"

static const char *const status_words[DELIVERY_STATUS_COUNT] = {
    [DELIVERY_QUEUED] = "queued",
    [DELIVERY_WRITTEN] = "written",
    [DELIVERY_ACKED] = "acked",
    [DELIVERY_GONE] = "gone",
    [DELIVERY_UNREACHABLE] = "unreachable",
    [DELIVERY_REJECTED] = "rejected",
    [DELIVERY_PASSED] = "passed",
    [DELIVERY_CLOSED] = "closed",
};

const char *delivery_status_text(enum delivery_status s)
{
    return status_words[s];
}

static void encode_status(const struct envelope_status *s, struct buf *out)
{
    buf_add_str(out, "{\"sessionId\":\"");
    buf_add_str(out, s->session_id);
    buf_add_str(out, "\",\"status\":\"");
    buf_add_str(out, status_words[s->status]);
    buf_add_char(out, '"');
    if (s->idle_ms >= 0) {
        buf_add_str(out, ",\"idleMs\":");
        buf_add_u64(out, (uint64_t)s->idle_ms);
    }
    buf_add_char(out, '}');
}

/* What a node tells of a group. */
static const enum delivery_status told_of_groups[] = {
    DELIVERY_QUEUED, DELIVERY_WRITTEN, DELIVERY_ACKED, DELIVERY_REJECTED};
#define TOLD_OF_GROUPS (sizeof(told_of_groups) / sizeof(told_of_groups[0]))

int64_t envelope_counts_matched(const struct envelope_counts *c)
{
    int64_t matched = 0;

    for (size_t i = 0; i < TOLD_OF_GROUPS; i++) {
        matched += c->with[told_of_groups[i]];
    }
    return matched;
}

void envelope_answer_count(struct envelope_answer_message *m)
{
    for (size_t i = 0; i < m->session_count; i++) {
        m->counts.with[m->sessions[i].status]++;
    }
    free(m->sessions);
    m->sessions = NULL;
    m->session_count = 0;
}

static void encode_counts(const struct envelope_counts *c, struct buf *out)
{
    for (size_t i = 0; i < TOLD_OF_GROUPS; i++) {
        buf_addf(out, "%s\"%s\":%" PRId64, i ? "," : "{", status_words[told_of_groups[i]],
            c->with[told_of_groups[i]]);
    }
    buf_add_char(out, '}');
}

static void encode_message(const struct envelope_answer_message *m, struct buf *out)
{
    if (m->is_group) {
        encode_counts(&m->counts, out);
        return;
    }
    buf_add_str(out, "{\"sessions\":[");
    for (size_t i = 0; i < m->session_count; i++) {
        if (i) {
            buf_add_char(out, ',');
        }
        encode_status(&m->sessions[i], out);
    }
    buf_add_str(out, "]}");
}

void envelope_answer_encode(const struct envelope_answer *a, struct buf *out)
{
    buf_addf(out, "{\"code\":0,\"msg\":\"ok\",\"data\":{\"boot\":\"%s\",\"messages\":[", a->boot);
    for (size_t i = 0; i < a->message_count; i++) {
        if (i) {
            buf_add_char(out, ',');
        }
        encode_message(&a->messages[i], out);
    }
    buf_add_str(out, "]}}");
}

static enum err bad(struct problem *p, const char *field, const char *what)
{
    return problem_set(p, ERR_BAD_ENVELOPE, field, "%s: %s", field, what);
}

static enum err parse_status(
    struct json_object *object, const char *path, struct envelope_status *out, struct problem *p)
{
    struct slice word = slice_of("");
    enum err err;

    if (!json_object_is_type(object, json_type_object)) {
        return bad(p, path, "a session is not an object");
    }
    out->idle_ms = -1;
    if ((err = json_copy_string((struct json_field){object, path, "sessionId"}, out->session_id,
             sizeof(out->session_id), p)) ||
        (err = json_get_string((struct json_field){object, path, "status"}, &word, p)) ||
        (err = json_get_int(
             (struct json_field){object, path, "idleMs"}, 0, INT64_MAX, &out->idle_ms, p))) {
        return err;
    }
    if (!id_is_session(slice_of(out->session_id))) {
        return bad(p, path, "a sessionId is not one");
    }
    for (size_t i = 0; i < DELIVERY_STATUS_COUNT; i++) {
        if (slice_equal(word, status_words[i])) {
            out->status = (enum delivery_status)i;
            return ERR_OK;
        }
    }
    return bad(p, path, "a status is not known");
}

static enum err parse_counts(struct json_object *object, const char *path,
    struct envelope_answer_message *out, struct problem *p)
{
    out->is_group = true;
    for (size_t i = 0; i < TOLD_OF_GROUPS; i++) {
        enum delivery_status status = told_of_groups[i];
        enum err err = json_get_int((struct json_field){object, path, status_words[status]}, 0,
            INT32_MAX, &out->counts.with[status], p);

        if (err) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err parse_message(struct json_object *object, const char *path,
    struct envelope_answer_message *out, struct problem *p)
{
    struct json_object *array = NULL;
    size_t count;
    enum err err;

    if (!json_object_is_type(object, json_type_object)) {
        return bad(p, path, "not an object");
    }
    if (json_object_object_get_ex(object, "written", NULL)) {
        return parse_counts(object, path, out, p);
    }
    err = json_get_array((struct json_field){object, path, "sessions"}, &array, p);
    if (err) {
        return err;
    }
    count = array ? json_object_array_length(array) : 0;
    out->sessions = calloc(count + 1, sizeof(*out->sessions));
    if (!out->sessions) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    for (; out->session_count < count; out->session_count++) {
        err = parse_status(json_object_array_get_idx(array, out->session_count), path,
            &out->sessions[out->session_count], p);
        if (err) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err parse_messages(
    struct json_object *array, struct envelope_answer *a, struct problem *p)
{
    size_t count = json_object_array_length(array);

    if (count > ENVELOPE_MESSAGES_MAX) {
        return bad(p, "data.messages", "too many elements");
    }
    a->messages = calloc(count + 1, sizeof(*a->messages));
    if (!a->messages) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    while (a->message_count < count) {
        struct json_object *element = json_object_array_get_idx(array, a->message_count);
        char path[sizeof("data.messages[18446744073709551615]")];
        enum err err;

        snprintf(path, sizeof(path), "data.messages[%zu]", a->message_count);
        /* Counted first, so that envelope_answer_finish() frees what a failed message has. */
        err = parse_message(element, path, &a->messages[a->message_count++], p);
        if (err) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err parse_body(struct json_object *body, struct envelope_answer *a, struct problem *p)
{
    struct json_object *data;
    struct json_object *array = NULL;
    int64_t code = -1;
    enum err err = json_get_int((struct json_field){body, "", "code"}, 0, INT64_MAX, &code, p);

    if (err) {
        return err;
    }
    if (code != 0) {
        return bad(p, "code", "the node answered an error");
    }
    if (!json_object_object_get_ex(body, "data", &data) ||
        !json_object_is_type(data, json_type_object)) {
        return bad(p, "data", "not an object");
    }
    if ((err = json_copy_string(
             (struct json_field){data, "data", "boot"}, a->boot, sizeof(a->boot), p)) ||
        (err = json_get_array((struct json_field){data, "data", "messages"}, &array, p))) {
        return err;
    }
    return array ? parse_messages(array, a, p) : bad(p, "data.messages", "missing");
}

enum err envelope_answer_decode(struct slice body, struct envelope_answer *out, struct problem *p)
{
    struct envelope_answer answer = {0};
    struct json_object *object;
    enum err err = json_parse_object(body, &object, p);

    if (err) {
        return err;
    }
    err = parse_body(object, &answer, p);
    if (err) {
        envelope_answer_finish(&answer);
    } else {
        *out = answer;
    }
    json_object_put(object);
    return err;
}

void envelope_answer_finish(struct envelope_answer *a)
{
    for (size_t i = 0; i < a->message_count; i++) {
        free(a->messages[i].sessions);
    }
    free(a->messages);
    *a = (struct envelope_answer){.message_count = 0};
}
