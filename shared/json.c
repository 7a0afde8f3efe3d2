/*
 * json-c behind a strict door: parse only what json_check() passed, refuse keys that stand twice,
 * and read members with an error that says where and what.
 */
#include "shared/json.h"

#include <assert.h>
#include <inttypes.h>
#include <json-c/json_visit.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "shared/limits.h"
#include "shared/utf8.h"

static int count_if_member(struct json_object *value, int flags, struct json_object *parent,
    const char *key, size_t *index, void *count)
{
    (void)value;
    (void)parent;
    (void)index;
    if (key && !(flags & JSON_C_VISIT_SECOND)) {
        ++*(size_t *)count;
    }
    return JSON_C_VISIT_RETURN_CONTINUE;
}

static size_t count_tree_members(struct json_object *tree)
{
    size_t count = 0;
    int failed = json_c_visit(tree, 0, count_if_member, &count);

    assert(!failed);
    (void)failed;
    return count;
}

static size_t count_text_members(struct slice text)
{
    size_t count = 0;
    enum err err = json_check(text, &count, NULL);

    return err == ERR_OK ? count : 0;
}

/* Leaves in `name` the member that stands twice directly in this object. */
static bool find_repeated_name(struct slice object, struct buf *name)
{
    struct json_object *seen = json_object_new_object();
    struct json_walk w;
    struct slice raw;
    struct slice value;
    bool found = false;

    if (!seen) {
        return false; /* no memory for a better error message */
    }
    json_walk_start(&w, object);
    while (!found && w.in_object && json_walk_next(&w, &raw, &value)) {
        buf_reset(name);
        json_unescape(raw, name);
        found = json_object_object_get_ex(seen, buf_str(name), NULL);
        json_object_object_add(seen, buf_str(name), NULL);
    }
    json_object_put(seen);
    return found;
}

/* A value, as text and as the tree that json-c made of it, and its path. */
struct place {
    struct slice text;
    struct json_object *tree;
    char path[sizeof((struct problem){0}.field)];
};

/* Moves to the child that has more members in the text than in the tree. */
static bool enter_child(struct place *place, struct buf *name)
{
    struct place child = *place;
    struct json_walk w;
    struct slice raw;

    json_walk_start(&w, place->text);
    for (size_t i = 0; json_walk_next(&w, &raw, &child.text); i++) {
        buf_reset(name);
        json_unescape(raw, name);
        child.tree = w.in_object ? json_object_object_get(place->tree, buf_str(name))
                                 : json_object_array_get_idx(place->tree, i);
        if (count_text_members(child.text) == count_tree_members(child.tree)) {
            continue;
        }
        if (w.in_object) {
            json_path(child.path, sizeof(child.path), place->path, buf_str(name));
        } else {
            snprintf(child.path, sizeof(child.path), "%.80s[%zu]", place->path, i);
        }
        *place = child;
        return true;
    }
    return false;
}

static enum err fail_repeated(struct slice text, struct json_object *tree, struct problem *p)
{
    struct place place = {.text = text, .tree = tree, .path = ""};
    struct buf name;
    char field[sizeof(place.path)];

    buf_init(&name, text.len);
    bool found = find_repeated_name(place.text, &name);
    while (!found && enter_child(&place, &name)) {
        found = find_repeated_name(place.text, &name);
    }
    json_path(field, sizeof(field), place.path, found ? buf_str(&name) : "");
    enum err err = problem_set(p, ERR_DUPLICATE_FIELD, field, "\"%s\" stands twice", field);
    buf_finish(&name);
    return err;
}

/* Parses text that json_check() passed, its UTF-8 included. */
static enum err build_tree(struct slice text, struct json_object **out, struct problem *p)
{
    /* json-c counts the value inside of the innermost container as a level of its own. */
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 1);

    if (!tokener) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    *out = json_tokener_parse_ex(tokener, text.at, (int)text.len);
    if (json_tokener_get_error(tokener) == json_tokener_continue) {
        /* A number at the top could go on; a space ends it. */
        *out = json_tokener_parse_ex(tokener, " ", 1);
    }
    enum json_tokener_error error = json_tokener_get_error(tokener);
    json_tokener_free(tokener);
    if (error != json_tokener_success) {
        return problem_set(p, ERR_NOT_JSON, "", "%s", json_tokener_error_desc(error));
    }
    return ERR_OK;
}

enum err json_parse(struct slice text, struct json_object **out, struct problem *p)
{
    struct json_object *tree = NULL;
    size_t members;

    if (text.len > INT_MAX) { /* json-c's own limit */
        return problem_set(p, ERR_BODY_TOO_LARGE, "", NULL);
    }
    enum err err = json_check(text, &members, p);
    if (err != ERR_OK) {
        return err;
    }
    err = build_tree(text, &tree, p);
    if (err != ERR_OK) {
        return err;
    }
    if (count_tree_members(tree) != members) {
        err = fail_repeated(text, tree, p);
        json_object_put(tree);
        return err;
    }
    *out = tree;
    return ERR_OK;
}

enum err json_parse_object(struct slice text, struct json_object **out, struct problem *p)
{
    struct json_object *value = NULL;
    enum err err = json_parse(text, &value, p);

    if (err != ERR_OK) {
        return err;
    }
    if (!json_object_is_type(value, json_type_object)) {
        const char *type = json_type_to_name(json_object_get_type(value));
        err = problem_set(p, ERR_WRONG_TYPE, "", "must be an object, not %s", type);
        json_object_put(value);
        return err;
    }
    *out = value;
    return ERR_OK;
}

enum err json_refuse(struct json_field f, enum err err, const char *what, struct problem *p)
{
    char path[sizeof(p->field)];

    json_path(path, sizeof(path), f.path, f.name);
    return problem_set(p, err, path, "%s %s", path, what);
}

/* *value is NULL where the member is absent. */
static enum err find_typed(struct json_field f, enum json_type type, const char *rule,
    struct json_object **value, struct problem *p)
{
    *value = NULL;
    if (!json_object_object_get_ex(f.object, f.name, value)) {
        return ERR_OK;
    }
    return json_object_is_type(*value, type) ? ERR_OK : json_refuse(f, ERR_WRONG_TYPE, rule, p);
}

enum err json_get_string(struct json_field f, struct slice *out, struct problem *p)
{
    struct json_object *value;
    enum err err = find_typed(f, json_type_string, "must be a string", &value, p);

    if (err == ERR_OK && value) {
        *out = (struct slice){
            json_object_get_string(value), (size_t)json_object_get_string_len(value)};
    }
    return err;
}

enum err json_copy_string(struct json_field f, char *out, size_t out_bytes, struct problem *p)
{
    struct slice text = {NULL, 0};
    enum err err = json_get_string(f, &text, p);

    if (err != ERR_OK) {
        return err;
    }
    if (!text.at) {
        return json_refuse(f, ERR_MISSING_FIELD, "is required", p);
    }
    if (text.len == 0 || memchr(text.at, '\0', text.len)) {
        return json_refuse(f, ERR_BAD_VALUE, "must be a text that is not empty and has no NUL", p);
    }
    if (text.len >= out_bytes) {
        return json_refuse(f, ERR_BAD_VALUE, "is too long", p);
    }
    memcpy(out, text.at, text.len);
    out[text.len] = '\0';
    return ERR_OK;
}

enum err json_get_int(
    struct json_field f, int64_t min, int64_t max, int64_t *out, struct problem *p)
{
    struct json_object *value;
    enum err err = find_typed(f, json_type_int, "must be a whole number", &value, p);

    if (err != ERR_OK || !value) {
        return err;
    }
    int64_t number = json_object_get_int64(value);
    /* json-c clamps what int64_t cannot hold, so the two ends may not be what was written. */
    bool clamped = number == INT64_MIN || number == INT64_MAX;
    if (clamped || number < min || number > max) {
        char rule[96];
        snprintf(rule, sizeof(rule), "must be from %" PRId64 " to %" PRId64, min, max);
        return json_refuse(f, ERR_OUT_OF_RANGE, rule, p);
    }
    *out = number;
    return ERR_OK;
}

enum err json_get_bool(struct json_field f, bool *out, struct problem *p)
{
    struct json_object *value;
    enum err err = find_typed(f, json_type_boolean, "must be true or false", &value, p);

    if (err == ERR_OK && value) {
        *out = json_object_get_boolean(value);
    }
    return err;
}

enum err json_get_array(struct json_field f, struct json_object **out, struct problem *p)
{
    struct json_object *value;
    enum err err = find_typed(f, json_type_array, "must be an array", &value, p);

    if (err == ERR_OK && value) {
        *out = value;
    }
    return err;
}

static bool is_listed(const char *name, const char *const *list)
{
    while (*list && strcmp(*list, name) != 0) {
        list++;
    }
    return *list;
}

enum err json_only(
    struct json_object *object, const char *path, const char *const *allowed, struct problem *p)
{
    json_object_object_foreach(object, name, value)
    {
        (void)value;
        if (!is_listed(name, allowed)) {
            struct json_field f = {object, path, name};
            return json_refuse(f, ERR_UNKNOWN_FIELD, "is not a known field", p);
        }
    }
    return ERR_OK;
}

void json_path(char *out, size_t out_bytes, const char *path, const char *name)
{
    snprintf(out, out_bytes, "%s%s%s", path, path[0] && name[0] ? "." : "", name);
    utf8_trim(out);
}
