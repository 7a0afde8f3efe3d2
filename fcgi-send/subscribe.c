/*
 * POST /subscribe and /unsubscribe: the topics that a user's sessions belong to, those that are
 * connected and those that come.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi-send/hints.h"
#include "fcgi-send/pipeline.h"
#include "fcgi-send/request_json.h"
#include "fcgi-send/routes.h"
#include "shared/clock.h"
#include "shared/memberships.h"
#include "shared/registry.h"

static enum err read_topics(
    struct json_object *body, struct memberships_change *out, struct problem *p)
{
    struct json_object *topics = NULL;
    enum err err = json_get_array((struct json_field){body, "", "topics"}, &topics, p);
    size_t count = topics ? json_object_array_length(topics) : 0;

    if (err) {
        return err;
    }
    if (!topics) {
        return problem_set(p, ERR_MISSING_FIELD, "topics", NULL);
    }
    if (count == 0 || count > MEMBERSHIP_TOPICS_MAX) {
        return problem_set(p, ERR_OUT_OF_RANGE, "topics", "topics has not 1 to %d elements",
            MEMBERSHIP_TOPICS_MAX);
    }
    for (; out->count < count; out->count++) {
        struct json_object *topic = json_object_array_get_idx(topics, out->count);
        char path[sizeof("topics[18446744073709551615]")];

        snprintf(path, sizeof(path), "topics[%zu]", out->count);
        if (!json_object_is_type(topic, json_type_string)) {
            return problem_set(p, ERR_WRONG_TYPE, path, "%s is not a string", path);
        }
        struct slice text = {
            json_object_get_string(topic), (size_t)json_object_get_string_len(topic)};
        err = address_check_topic(text, path, p);
        if (err) {
            return err;
        }
        memcpy(out->topics[out->count], text.at, text.len);
    }
    return ERR_OK;
}

static enum err read_members(
    struct json_object *body, struct memberships_change *out, struct problem *p)
{
    enum err err = target_parse(body, "", &out->target, p);

    if (err) {
        return err;
    }
    if (out->target.group[0]) {
        return problem_set(p, ERR_NO_TARGET, "userId", "userId or key is required");
    }
    return read_topics(body, out, p);
}

static enum err run(struct worker *w, const struct memberships_change *change,
    struct memberships_changed *out, struct problem *p)
{
    const struct config *config = w->service->config;
    struct pipeline pipeline;
    enum err err = pipeline_init(&pipeline, 1);

    if (err) {
        return err;
    }
    memberships_change_command(
        pipeline_add(&pipeline), config->redis_prefix, change, config->topics_max_per_user);
    err = pipeline_run(&pipeline, w->redis, true);
    if (!err) {
        err = memberships_change_decode(pipeline.replies[0], clock_wall_ms(), out);
    }
    pipeline_finish(&pipeline);
    if (!err && out->too_many) {
        free(out->sessions);
        err = problem_set(p, ERR_OUT_OF_RANGE, "topics",
            "the user has %" PRId64 " topics, and may have %" PRId64, out->total,
            config->topics_max_per_user);
    }
    return err;
}

static enum err serve(
    struct worker *w, const struct request *req, bool adds, struct buf *out, struct problem *p)
{
    static const char *const names[] = {"userId", "serverClient", "page", "key", "topics", NULL};
    struct memberships_change change = {.adds = adds};
    struct memberships_changed changed;
    struct json_object *body;
    enum err err = request_json(req, names, &body, p);

    if (err) {
        return err;
    }
    err = read_members(body, &change, p);
    json_object_put(body);
    if (err || (err = auth_check_reach(req->caller, change.target.server_client, p)) ||
        (err = run(w, &change, &changed, p))) {
        return err;
    }
    hints_tell_nodes_of(
        w, changed.sessions, changed.session_count, HINT_TOPICS, change.target.user_id);
    buf_addf(
        out, "{\"changed\":%" PRId64 ",\"topics\":%" PRId64 "}", changed.changed, changed.total);
    free(changed.sessions);
    return ERR_OK;
}

enum err subscribe_serve(
    struct worker *w, const struct request *req, struct response *res, struct problem *p)
{
    return serve(w, req, true, &res->data, p);
}

enum err unsubscribe_serve(
    struct worker *w, const struct request *req, struct response *res, struct problem *p)
{
    return serve(w, req, false, &res->data, p);
}
