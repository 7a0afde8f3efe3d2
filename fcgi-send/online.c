/*
 * GET and POST /online: which of some users are connected, and by which sessions.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi-send/ghosts.h"
#include "fcgi-send/pipeline.h"
#include "fcgi-send/query.h"
#include "fcgi-send/request_json.h"
#include "fcgi-send/routes.h"
#include "shared/clock.h"

#define USERS_MAX 100

struct asked {
    char user_ids[USERS_MAX][ADDRESS_PART_BYTES_MAX + 1];
    size_t count;
    struct target place; /* only its serverClient and page */
};

/* The users' sessions, in the order in which the users were asked for. */
struct found {
    struct registry_entry *entries[USERS_MAX]; /* owned, each */
    size_t entry_counts[USERS_MAX];
    struct delivery *sessions; /* owned: one for each entry of all users */
    size_t session_count;
};

static enum err add_user(
    struct asked *a, struct slice user_id, const char *field, struct problem *p)
{
    if (a->count == USERS_MAX) {
        return problem_set(p, ERR_OUT_OF_RANGE, field, "more than %d users", USERS_MAX);
    }
    enum err err = address_copy_part(user_id, field, a->user_ids[a->count], p);
    a->count += !err;
    return err;
}

static enum err read_query(const struct request *req, struct asked *out, struct problem *p)
{
    static const char *const names[] = {"userId", "serverClient", "page", NULL};
    struct query query;
    enum err err = query_read(req->query, names, "userId", &query, p);

    if (err) {
        return err;
    }
    err = query_narrowing(&query, &out->place, p);
    for (size_t i = 0; !err && i < query.count; i++) {
        if (strcmp(query.parameters[i].name, "userId") == 0) {
            err = add_user(out, slice_of(query.parameters[i].value), "userId", p);
        }
    }
    query_finish(&query);
    return !err && out->count == 0 ? problem_set(p, ERR_MISSING_FIELD, "userId", NULL) : err;
}

/* A part of the address that may be left out. */
static enum err read_part(struct json_object *body, const char *name, char *out, struct problem *p)
{
    struct slice part = {NULL, 0};
    enum err err = json_get_string((struct json_field){body, "", name}, &part, p);

    if (err || !part.at) {
        return err;
    }
    return address_copy_part(part, name, out, p);
}

static enum err read_user_ids(struct json_object *body, struct asked *out, struct problem *p)
{
    struct json_object *user_ids = NULL;
    enum err err = json_get_array((struct json_field){body, "", "userIds"}, &user_ids, p);
    size_t count = user_ids ? json_object_array_length(user_ids) : 0;

    if (!err && count == 0) {
        return problem_set(p, ERR_MISSING_FIELD, "userIds", NULL);
    }
    for (size_t i = 0; !err && i < count; i++) {
        struct json_object *user_id = json_object_array_get_idx(user_ids, i);

        if (!json_object_is_type(user_id, json_type_string)) {
            return problem_set(p, ERR_WRONG_TYPE, "userIds", "userIds must be strings");
        }
        struct slice text = {
            json_object_get_string(user_id), (size_t)json_object_get_string_len(user_id)};
        err = add_user(out, text, "userIds", p);
    }
    return err;
}

static enum err read_members(struct json_object *body, struct asked *out, struct problem *p)
{
    enum err err;

    if ((err = read_user_ids(body, out, p)) ||
        (err = read_part(body, "serverClient", out->place.server_client, p)) ||
        (err = read_part(body, "page", out->place.page, p))) {
        return err;
    }
    if (out->place.page[0] && !out->place.server_client[0]) {
        return problem_set(p, ERR_MISSING_FIELD, "serverClient", "page needs serverClient");
    }
    return ERR_OK;
}

static enum err read_body(const struct request *req, struct asked *out, struct problem *p)
{
    static const char *const names[] = {"userIds", "serverClient", "page", NULL};
    struct json_object *body;
    enum err err = request_json(req, names, &body, p);

    if (err) {
        return err;
    }
    err = read_members(body, out, p);
    json_object_put(body);
    return err;
}

static void found_finish(struct found *f)
{
    for (size_t i = 0; i < USERS_MAX; i++) {
        free(f->entries[i]);
    }
    free(f->sessions);
}

static enum err decode_entries(
    const struct asked *a, struct redisReply *const *replies, struct found *out)
{
    size_t total = 0;
    enum err err;

    for (size_t i = 0; i < a->count; i++) {
        err = registry_entries_decode(
            replies[i], clock_wall_ms(), &out->entries[i], &out->entry_counts[i]);
        if (err) {
            return err;
        }
        total += out->entry_counts[i];
    }
    out->sessions = calloc(total + 1, sizeof(*out->sessions));
    if (!out->sessions) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < a->count; i++) {
        for (size_t j = 0; j < out->entry_counts[i]; j++) {
            out->sessions[out->session_count++].entry = &out->entries[i][j];
        }
    }
    return ERR_OK;
}

/* The caller finishes out in any case. */
static enum err find_sessions(struct worker *w, const struct asked *a, struct found *out)
{
    struct pipeline pipeline;
    enum err err = pipeline_init(&pipeline, a->count);

    if (err) {
        return err;
    }
    for (size_t i = 0; i < a->count; i++) {
        registry_lookup_command(
            pipeline_add(&pipeline), w->service->config->redis_prefix, a->user_ids[i]);
    }
    err = pipeline_run(&pipeline, w->redis, true);
    if (!err) {
        err = decode_entries(a, pipeline.replies, out);
    }
    pipeline_finish(&pipeline);
    return err;
}

static void encode_session(const struct registry_entry *e, struct buf *out)
{
    char key[ADDRESS_KEY_BYTES];

    address_format_key(&e->address, key);
    buf_addf(out, "{\"sessionId\":\"%s\",\"key\":", e->session_id);
    buf_add_json_string(out, key, strlen(key));
    buf_add_str(out, ",\"node\":");
    buf_add_json_string(out, e->node_id, strlen(e->node_id));
    buf_addf(out, ",\"since\":%" PRId64 "}", e->since_ms);
}

/* sessions: the user's own, ghosts and other places included. */
static void encode_user(const char *user_id, const struct target *place,
    const struct delivery *sessions, size_t count, struct buf *out)
{
    struct buf list;
    bool is_online = false;

    buf_init(&list, out->max);
    for (size_t i = 0; i < count; i++) {
        const struct registry_entry *e = sessions[i].entry;

        if (sessions[i].status == DELIVERY_GONE ||
            !target_matches(place, &e->address, e->session_id)) {
            continue;
        }
        buf_add_str(&list, is_online ? "," : "");
        encode_session(e, &list);
        is_online = true;
    }
    buf_add_str(out, "{\"userId\":");
    buf_add_json_string(out, user_id, strlen(user_id));
    buf_addf(out, ",\"online\":%s,\"sessions\":[", is_online ? "true" : "false");
    buf_add(out, list.bytes, list.len);
    buf_add_str(out, "]}");
    buf_finish(&list);
}

static void encode(const struct asked *a, const struct found *f, struct buf *out)
{
    const struct delivery *sessions = f->sessions;

    buf_add_str(out, "{\"users\":[");
    for (size_t i = 0; i < a->count; i++) {
        buf_add_str(out, i > 0 ? "," : "");
        encode_user(a->user_ids[i], &a->place, sessions, f->entry_counts[i], out);
        sessions += f->entry_counts[i];
    }
    buf_add_str(out, "]}");
}

enum err online_serve(
    struct worker *w, const struct request *req, struct response *res, struct problem *p)
{
    struct asked asked = {.count = 0};
    struct found found = {.session_count = 0};
    bool is_post = strcmp(req->method, "POST") == 0;
    enum err err = is_post ? read_body(req, &asked, p) : read_query(req, &asked, p);

    if (err || (err = auth_check_reach(req->caller, asked.place.server_client, p))) {
        return err;
    }
    err = find_sessions(w, &asked, &found);
    if (!err) {
        ghosts_mark(w, found.sessions, found.session_count);
        ghosts_remove(w, found.sessions, found.session_count);
        encode(&asked, &found, &res->data);
    }
    found_finish(&found);
    return err;
}
