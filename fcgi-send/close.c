/*
 * POST /socketClose: ends sessions of a user (those of a group: close_group.c). The order is in
 * Redis before any node is told, so that a node that cannot be reached now finds it later.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi-send/close_group.h"
#include "fcgi-send/dispatch.h"
#include "fcgi-send/ghosts.h"
#include "fcgi-send/hints.h"
#include "fcgi-send/pipeline.h"
#include "fcgi-send/request_json.h"
#include "fcgi-send/routes.h"
#include "shared/clock.h"

/* Codes of applications; the others are a node's own to give (RFC 6455 7.4.2). */
#define CODE_MIN 4000
#define CODE_MAX 4999

/* What is to be closed, and what is found. */
struct closing {
    struct target target;
    struct dismissal how;
    struct registry_entry *entries; /* owned; all of the user's */
    struct delivery *sessions;      /* owned; those that are meant */
    size_t session_count;
};

static enum err read_members(struct json_object *body, struct closing *c, struct problem *p)
{
    int64_t code = DISMISSAL_CODE_DEFAULT;
    enum err err;

    if (!json_object_object_get_ex(body, "code", NULL)) {
        strcpy(c->how.reason, DISMISSAL_REASON_DEFAULT);
    }
    if ((err = json_get_int((struct json_field){body, "", "code"}, CODE_MIN, CODE_MAX, &code, p)) ||
        (err = dismissal_parse_reason(body, c->how.reason, p)) ||
        (err = target_parse(body, "", &c->target, p))) {
        return err;
    }
    if (c->target.group[0] && group_name_is_topic(c->target.group)) {
        return problem_set(
            p, ERR_BAD_VALUE, "topic", "a topic's subscribers cannot be closed by it");
    }
    c->how.code = (uint16_t)code;
    return ERR_OK;
}

static enum err read_body(const struct request *req, struct closing *c, struct problem *p)
{
    static const char *const allowed[] = {"userId", "serverClient", "page", "sessionId", "key",
        "topic", "all", "code", "reason", NULL};
    struct json_object *body;
    enum err err = request_json(req, allowed, &body, p);

    if (err) {
        return err;
    }
    err = read_members(body, c, p);
    json_object_put(body);
    return err;
}

static enum err select_sessions(struct closing *c, size_t entry_count)
{
    c->sessions = calloc(entry_count + 1, sizeof(*c->sessions));
    if (!c->sessions) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < entry_count; i++) {
        const struct registry_entry *entry = &c->entries[i];

        if (target_matches(&c->target, &entry->address, entry->session_id)) {
            c->sessions[c->session_count++] =
                (struct delivery){.entry = entry, .status = DELIVERY_UNREACHABLE};
        }
    }
    return ERR_OK;
}

static enum err order(struct worker *w, struct closing *c)
{
    struct pipeline pipeline;
    size_t count = 0;
    enum err err = pipeline_init(&pipeline, 1);

    if (err) {
        return err;
    }
    registry_dismiss_command(
        pipeline_add(&pipeline), w->service->config->redis_prefix, &c->target, &c->how);
    err = pipeline_run(&pipeline, w->redis, true);
    if (!err) {
        err = registry_entries_decode(pipeline.replies[0], clock_wall_ms(), &c->entries, &count);
    }
    pipeline_finish(&pipeline);
    return err ? err : select_sessions(c, count);
}

static void take_answer(struct group *g, struct dismissal_answer *answer)
{
    group_set_status(g, DELIVERY_CLOSED);
    for (size_t i = 0; i < answer->gone_count; i++) {
        group_set_session_status(g, answer->gone[i], DELIVERY_GONE);
    }
    free(answer->gone);
}

/* A node that has just failed is asked all the same: a close is rare, and somebody waits for it. */
static void forward_groups(struct worker *w, const struct closing *c, struct groups *g)
{
    struct forward *forwards = calloc(g->count + 1, sizeof(*forwards));
    struct buf *bodies = calloc(g->count + 1, sizeof(*bodies));
    bool failed = !forwards || !bodies;

    if (failed) {
        goto out; /* all stay unreachable */
    }
    for (size_t i = 0; i < g->count; i++) {
        const struct group *group = &g->items[i];

        buf_init(&bodies[i], COMMAND_BYTES_MAX);
        dismissal_encode(&c->how, group->session_ids, group->count, &bodies[i]);
        forwards[i] = (struct forward){.call = FORWARD_CLOSE,
            .addr = group->node->addr,
            .body = {buf_str(&bodies[i]), bodies[i].len}};
        failed = failed || buf_err(&bodies[i]);
    }
    if (!failed) {
        forward_all(w->forwarder, forwards, g->count, 0);
    }
    for (size_t i = 0; i < g->count; i++) {
        if (!failed && dispatch_settle(w, &g->items[i], &forwards[i])) {
            take_answer(&g->items[i], &forwards[i].closed);
        }
        buf_finish(&bodies[i]);
    }
out:
    free(forwards);
    free(bodies);
}

/* The way without pub/sub is the next refresh of the session. */
static void hint(struct worker *w, const struct groups *g)
{
    struct hints hints;

    hints_init(&hints, w, g->count);
    for (size_t i = 0; i < g->count; i++) {
        const struct delivery *any = g->items[i].members[0];

        if (any->status == DELIVERY_UNREACHABLE) {
            hints_add(&hints, any->entry->node_id, HINT_CLOSE, any->entry->address.user_id);
        }
    }
    hints_send(&hints);
}

static enum err tell_nodes(struct worker *w, struct closing *c)
{
    size_t max_bytes = (size_t)w->service->config->node_forward_max_bytes;
    struct groups groups;
    enum err err = group_by_node(c->sessions, c->session_count, max_bytes, &groups);

    if (err) {
        return err;
    }
    forward_groups(w, c, &groups);
    hint(w, &groups);
    groups_finish(&groups);
    return ERR_OK;
}

static void encode_session(const struct delivery *d, struct buf *out)
{
    char key[ADDRESS_KEY_BYTES];

    address_format_key(&d->entry->address, key);
    buf_addf(out, "{\"sessionId\":\"%s\",\"key\":", d->entry->session_id);
    buf_add_json_string(out, key, strlen(key));
    buf_add_str(out, ",\"node\":");
    buf_add_json_string(out, d->entry->node_id, strlen(d->entry->node_id));
    buf_addf(out, ",\"status\":\"%s\"}", delivery_status_text(d->status));
}

static void encode(const struct closing *c, struct buf *out)
{
    size_t with[DELIVERY_STATUS_COUNT] = {0};

    for (size_t i = 0; i < c->session_count; i++) {
        with[c->sessions[i].status]++;
    }
    buf_addf(out, "{\"closed\":%zu,\"gone\":%zu,\"unreachable\":%zu,\"sessions\":[",
        with[DELIVERY_CLOSED], with[DELIVERY_GONE], with[DELIVERY_UNREACHABLE]);
    for (size_t i = 0; i < c->session_count; i++) {
        buf_add_str(out, i > 0 ? "," : "");
        encode_session(&c->sessions[i], out);
    }
    buf_add_str(out, "]}");
}

static enum err close_user(struct worker *w, struct closing *c, struct buf *out)
{
    enum err err;

    if (!(err = order(w, c)) && !(err = tell_nodes(w, c))) {
        ghosts_remove(w, c->sessions, c->session_count);
        encode(c, out);
    }
    free(c->entries);
    free(c->sessions);
    return err;
}

enum err close_serve(
    struct worker *w, const struct request *req, struct response *res, struct problem *p)
{
    char server_client[ADDRESS_PART_BYTES_MAX + 1];
    struct closing c = {.session_count = 0};
    enum err err;

    if ((err = read_body(req, &c, p)) ||
        (err = auth_check_reach(req->caller, target_reach(&c.target, server_client), p))) {
        return err;
    }
    return c.target.group[0] ? close_group(w, c.target.group, &c.how, &res->data)
                             : close_user(w, &c, &res->data);
}
