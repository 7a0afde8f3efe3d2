/*
 * What both sides of POST /forwardClose have in common.
 */
#include "shared/dismissal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shared/id.h"

#define FIELD(name) ((struct json_field){object, "", name})

bool dismissal_is_code(int64_t code)
{
    bool reserved = code == 1004 || code == 1005 || code == 1006;

    return (code >= 1000 && code <= 1014 && !reserved) || (code >= 3000 && code <= 4999);
}

bool dismissal_read(int64_t code, struct slice reason, struct dismissal *out)
{
    if (!dismissal_is_code(code) || reason.len >= sizeof(out->reason) ||
        !json_utf8_valid(reason.at, reason.len)) {
        return false;
    }
    *out = (struct dismissal){.code = (uint16_t)code};
    memcpy(out->reason, reason.at, reason.len);
    return true;
}

enum err dismissal_parse_reason(
    struct json_object *object, char out[CLOSE_REASON_BYTES_MAX + 1], struct problem *p)
{
    struct slice reason = {NULL, 0};
    enum err err = json_get_string(FIELD("reason"), &reason, p);

    if (err || !reason.at) {
        return err;
    }
    if (reason.len > CLOSE_REASON_BYTES_MAX) {
        return problem_set(
            p, ERR_BAD_VALUE, "reason", "reason is longer than %d bytes", CLOSE_REASON_BYTES_MAX);
    }
    if (memchr(reason.at, '\0', reason.len)) {
        return problem_set(p, ERR_NUL_BYTE, "reason", NULL);
    }
    for (size_t i = 0; i < reason.len; i++) {
        if ((unsigned char)reason.at[i] < ' ' || reason.at[i] == 0x7f) {
            return problem_set(p, ERR_BAD_VALUE, "reason", "reason has a control character");
        }
    }
    memcpy(out, reason.at, reason.len);
    out[reason.len] = '\0';
    return ERR_OK;
}

void dismissal_encode(
    const struct dismissal *c, char (*session_ids)[SESSION_ID_BYTES], size_t count, struct buf *out)
{
    buf_addf(out, "{\"code\":%u,\"reason\":", c->code);
    buf_add_json_string(out, c->reason, strlen(c->reason));
    buf_add_str(out, ",\"sessions\":[");
    for (size_t i = 0; i < count; i++) {
        buf_addf(out, "%s\"%s\"", i > 0 ? "," : "", session_ids[i]);
    }
    buf_add_str(out, "]}");
}

void dismissal_encode_group(
    const struct dismissal_order *o, const char *boot, const char *group, struct buf *out)
{
    buf_addf(out, "{\"code\":%u,\"reason\":", o->how.code);
    buf_add_json_string(out, o->how.reason, strlen(o->how.reason));
    buf_addf(out, ",\"at\":%" PRId64 ",\"boot\":", o->at_ms);
    buf_add_json_string(out, boot, strlen(boot));
    buf_add_str(out, ",\"group\":");
    buf_add_json_string(out, group, strlen(group));
    buf_add_char(out, '}');
}

static enum err copy_session_id(struct json_object *element, char out[SESSION_ID_BYTES])
{
    if (!json_object_is_type(element, json_type_string)) {
        return ERR_BAD_VALUE;
    }
    struct slice id = {
        json_object_get_string(element), (size_t)json_object_get_string_len(element)};
    if (!id_is_session(id)) {
        return ERR_BAD_VALUE;
    }
    memcpy(out, id.at, id.len);
    return ERR_OK;
}

enum err dismissal_parse_sessions(
    struct json_field f, char (**out)[SESSION_ID_BYTES], size_t *count, struct problem *p)
{
    struct json_object *array = NULL;
    enum err err = json_get_array(f, &array, p);
    size_t length = array ? json_object_array_length(array) : 0;

    if (err) {
        return err;
    }
    char(*ids)[SESSION_ID_BYTES] = calloc(length + 1, sizeof(*ids));
    if (!ids) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    for (size_t i = 0; i < length; i++) {
        if (copy_session_id(json_object_array_get_idx(array, i), ids[i])) {
            free(ids);
            return problem_set(
                p, ERR_BAD_VALUE, f.name, "%s[%zu] is not the id of a session", f.name, i);
        }
    }
    *out = ids;
    *count = length;
    return ERR_OK;
}

enum err dismissal_answer_decode(struct slice body, struct dismissal_answer *out)
{
    struct json_object *object;
    struct json_object *data;
    enum err err = json_parse_object(body, &object, NULL);

    if (err) {
        return err;
    }
    if (!json_object_object_get_ex(object, "data", &data) ||
        !json_object_is_type(data, json_type_object)) {
        err = ERR_BAD_ENVELOPE;
    } else {
        out->closed = 0;
        err = json_get_int(
            (struct json_field){data, "data", "closed"}, 0, INT64_MAX, &out->closed, NULL);
    }
    if (!err) {
        err = dismissal_parse_sessions(
            (struct json_field){data, "data", "gone"}, &out->gone, &out->gone_count, NULL);
    }
    json_object_put(object);
    return err;
}
