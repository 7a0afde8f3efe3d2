/*
 * GET and POST /presence: how many sessions are on pages, of serverClients, in topics, and in all.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi-send/census.h"
#include "fcgi-send/query.h"
#include "fcgi-send/request_json.h"
#include "fcgi-send/routes.h"
#include "shared/target.h"

/* The members that name a group. */
static const char *const names[] = {"serverClient", "page", "topic", "all", NULL};

static bool has_any(struct json_object *object)
{
    size_t i = 0;

    while (names[i] && !json_object_object_get_ex(object, names[i], NULL)) {
        i++;
    }
    return names[i] != NULL;
}

/* path as in json.h. */
static enum err add_group(
    struct census *c, struct json_object *object, const char *path, struct problem *p)
{
    struct target target;
    enum err err;

    if ((err = json_only(object, path, names, p))) {
        return err;
    }
    if (!has_any(object)) {
        return problem_set(p, ERR_NO_TARGET, path, "topic, serverClient or all is required");
    }
    if ((err = target_parse(object, path, &target, p))) {
        return err;
    }
    memcpy(c->groups[c->count++], target.group, sizeof(target.group));
    return ERR_OK;
}

/* As if it were an object of a body. NULL: no memory. */
static struct json_object *object_of(const struct query *q)
{
    struct json_object *object = json_object_new_object();

    for (size_t i = 0; object && i < q->count; i++) {
        const struct query_parameter *parameter = &q->parameters[i];
        bool is_true = strcmp(parameter->name, "all") == 0 && strcmp(parameter->value, "true") == 0;
        struct json_object *value =
            is_true ? json_object_new_boolean(true) : json_object_new_string(parameter->value);

        if (!value || json_object_object_add(object, parameter->name, value)) {
            json_object_put(value);
            json_object_put(object);
            return NULL;
        }
    }
    return object;
}

static enum err read_query(const struct request *req, struct census *out, struct problem *p)
{
    struct query query;
    enum err err = query_read(req->query, names, NULL, &query, p);

    if (err) {
        return err;
    }
    struct json_object *object = object_of(&query);
    err = object ? add_group(out, object, "", p) : problem_set(p, ERR_NO_MEMORY, "", NULL);
    json_object_put(object);
    query_finish(&query);
    return err;
}

static enum err read_groups(struct json_object *body, struct census *out, struct problem *p)
{
    struct json_object *groups = NULL;
    enum err err = json_get_array((struct json_field){body, "", "groups"}, &groups, p);
    size_t count = groups ? json_object_array_length(groups) : 0;

    if (err) {
        return err;
    }
    if (!groups) {
        return problem_set(p, ERR_MISSING_FIELD, "groups", NULL);
    }
    if (count == 0 || count > HEADCOUNT_GROUPS_MAX) {
        return problem_set(
            p, ERR_OUT_OF_RANGE, "groups", "groups has not 1 to %d elements", HEADCOUNT_GROUPS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        struct json_object *group = json_object_array_get_idx(groups, i);
        char path[sizeof("groups[18446744073709551615]")];

        snprintf(path, sizeof(path), "groups[%zu]", i);
        if (!json_object_is_type(group, json_type_object)) {
            return problem_set(p, ERR_WRONG_TYPE, path, "%s is not an object", path);
        }
        if ((err = add_group(out, group, path, p))) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err read_body(const struct request *req, struct census *out, struct problem *p)
{
    static const char *const allowed[] = {"groups", NULL};
    struct json_object *body;
    enum err err = request_json(req, allowed, &body, p);

    if (err) {
        return err;
    }
    err = read_groups(body, out, p);
    json_object_put(body);
    return err;
}

static enum err check_reach(
    const struct auth_key *caller, const struct census *c, struct problem *p)
{
    char server_client[ADDRESS_PART_BYTES_MAX + 1];
    enum err err = ERR_OK;

    for (size_t i = 0; !err && i < c->count; i++) {
        err = auth_check_reach(caller, group_name_server_client(c->groups[i], server_client), p);
    }
    return err;
}

/* As the caller named it. */
static void encode_name(const char *group, struct buf *out)
{
    char server_client[ADDRESS_PART_BYTES_MAX + 1];

    if (group_name_is_topic(group)) {
        buf_add_str(out, "\"topic\":");
        buf_add_json_string(out, group, strlen(group));
        return;
    }
    (void)group_name_server_client(group, server_client);
    if (!*server_client) {
        buf_add_str(out, "\"all\":true");
        return;
    }
    buf_add_str(out, "\"serverClient\":");
    buf_add_json_string(out, server_client, strlen(server_client));
    const char *page = group + strlen(server_client) + 1;
    if (*page) {
        buf_add_str(out, ",\"page\":");
        buf_add_json_string(out, page, strlen(page));
    }
}

static void encode_node(const struct delivery *node, int64_t members, struct buf *out)
{
    buf_add_str(out, "{\"node\":");
    buf_add_json_string(out, node->entry->node_id, strlen(node->entry->node_id));
    if (node->status == DELIVERY_ACKED) {
        buf_addf(out, ",\"status\":\"answered\",\"sessions\":%" PRId64 "}", members);
    } else {
        buf_addf(out, ",\"status\":\"%s\"}", delivery_status_text(node->status));
    }
}

/* Nodes that have gone have no members; of those that did not answer that is not known. */
static void encode_group(const char *group, const struct delivery *nodes, const int64_t *members,
    size_t count, struct buf *out)
{
    int64_t total = 0;
    bool complete = true;
    bool is_first = true;

    buf_add_char(out, '{');
    encode_name(group, out);
    buf_add_str(out, ",\"nodes\":[");
    for (size_t i = 0; i < count; i++) {
        if (nodes[i].status == DELIVERY_GONE) {
            continue;
        }
        complete = complete && nodes[i].status == DELIVERY_ACKED;
        total += members[i]; /* 0 of those that did not answer */
        buf_add_str(out, is_first ? "" : ",");
        encode_node(&nodes[i], members[i], out);
        is_first = false;
    }
    buf_addf(
        out, "],\"sessions\":%" PRId64 ",\"complete\":%s}", total, complete ? "true" : "false");
}

static void encode(const struct census *c, struct buf *out)
{
    size_t at = 0;

    buf_add_str(out, "{\"groups\":[");
    for (size_t i = 0; i < c->count; i++) {
        buf_add_str(out, i > 0 ? "," : "");
        encode_group(c->groups[i], c->nodes + at, c->members + at, c->entry_counts[i], out);
        at += c->entry_counts[i];
    }
    buf_add_str(out, "]}");
}

enum err presence_serve(
    struct worker *w, const struct request *req, struct response *res, struct problem *p)
{
    struct census census = {.count = 0};
    bool is_post = strcmp(req->method, "POST") == 0;
    enum err err = is_post ? read_body(req, &census, p) : read_query(req, &census, p);

    if (err || (err = check_reach(req->caller, &census, p))) {
        return err;
    }
    err = census_take(w, &census);
    if (!err) {
        encode(&census, &res->data);
    }
    census_finish(&census);
    return err;
}
