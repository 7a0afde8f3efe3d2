/*
 * The question that POST /presence is, and its answer.
 */
#include "shared/headcount.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void headcount_encode(const char *boot, const char *const *groups, size_t count, struct buf *out)
{
    buf_add_str(out, "{\"boot\":");
    buf_add_json_string(out, boot, strlen(boot));
    buf_add_str(out, ",\"groups\":[");
    for (size_t i = 0; i < count; i++) {
        buf_add_str(out, i > 0 ? "," : "");
        buf_add_json_string(out, groups[i], strlen(groups[i]));
    }
    buf_add_str(out, "]}");
}

static enum err read_groups(
    struct json_object *body, struct headcount_question *out, struct problem *p)
{
    struct json_object *groups = NULL;
    enum err err = json_get_array((struct json_field){body, "", "groups"}, &groups, p);
    size_t count = groups ? json_object_array_length(groups) : 0;

    if (err) {
        return err;
    }
    if (count == 0 || count > HEADCOUNT_GROUPS_MAX) {
        return problem_set(
            p, ERR_OUT_OF_RANGE, "groups", "groups has not 1 to %d elements", HEADCOUNT_GROUPS_MAX);
    }
    for (; out->count < count; out->count++) {
        struct json_object *group = json_object_array_get_idx(groups, out->count);

        if (!json_object_is_type(group, json_type_string)) {
            return problem_set(p, ERR_WRONG_TYPE, "groups", "groups must be strings");
        }
        struct slice text = {
            json_object_get_string(group), (size_t)json_object_get_string_len(group)};
        err = group_name_copy(text, "groups", out->groups[out->count], p);
        if (err) {
            return err;
        }
    }
    return ERR_OK;
}

enum err headcount_decode(struct slice body, struct headcount_question *out, struct problem *p)
{
    static const char *const names[] = {"boot", "groups", NULL};
    struct json_object *object;
    enum err err = json_parse_object(body, &object, p);

    if (err) {
        return err;
    }
    out->count = 0;
    err = json_only(object, "", names, p);
    if (!err) {
        err = json_copy_string(
            (struct json_field){object, "", "boot"}, out->boot, sizeof(out->boot), p);
    }
    if (!err) {
        err = read_groups(object, out, p);
    }
    json_object_put(object);
    return err;
}

void headcount_answer_encode(const int64_t *members, size_t count, struct buf *out)
{
    buf_add_str(out, "{\"code\":0,\"msg\":\"ok\",\"data\":{\"members\":[");
    for (size_t i = 0; i < count; i++) {
        buf_addf(out, "%s%" PRId64, i > 0 ? "," : "", members[i]);
    }
    buf_add_str(out, "]}}");
}

static enum err copy_members(struct json_object *array, int64_t *out)
{
    size_t count = json_object_array_length(array);

    for (size_t i = 0; i < count; i++) {
        struct json_object *number = json_object_array_get_idx(array, i);

        if (!json_object_is_type(number, json_type_int) || json_object_get_int64(number) < 0) {
            return ERR_BAD_ENVELOPE;
        }
        out[i] = json_object_get_int64(number);
    }
    return ERR_OK;
}

static enum err read_members(struct json_object *object, size_t asked, int64_t **out)
{
    struct json_object *data;
    struct json_object *array = NULL;

    if (!json_object_object_get_ex(object, "data", &data) ||
        !json_object_is_type(data, json_type_object) ||
        json_get_array((struct json_field){data, "data", "members"}, &array, NULL) || !array ||
        json_object_array_length(array) != asked) {
        return ERR_BAD_ENVELOPE;
    }
    int64_t *members = calloc(asked + 1, sizeof(*members));
    if (!members) {
        return ERR_NO_MEMORY;
    }
    enum err err = copy_members(array, members);
    if (err) {
        free(members);
        return err;
    }
    *out = members;
    return ERR_OK;
}

enum err headcount_answer_decode(struct slice body, size_t asked, int64_t **out)
{
    struct json_object *object;
    enum err err = json_parse_object(body, &object, NULL);

    if (err) {
        return err;
    }
    err = read_members(object, asked, out);
    json_object_put(object);
    return err;
}
