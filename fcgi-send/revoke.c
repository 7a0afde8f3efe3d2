/*
 * POST /revoke: a user's tokens, or one of them, count no more. From the moment in which Redis has
 * it, nobody gets in with them; nodes that have sessions of the user are told to look, and look by
 * themselves at the next refresh of each session.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi-send/hints.h"
#include "fcgi-send/pipeline.h"
#include "fcgi-send/request_json.h"
#include "fcgi-send/routes.h"
#include "shared/clock.h"
#include "shared/dismissal.h"
#include "shared/revocation.h"
#include "shared/token.h"

#define FIELD(name) ((struct json_field){body, "", name})

struct asked {
    char user_id[ADDRESS_PART_BYTES_MAX + 1];
    char token_id[TOKEN_ID_BYTES];
    char reason[CLOSE_REASON_BYTES_MAX + 1];
};

static enum err read_user(struct json_object *body, struct asked *out, struct problem *p)
{
    struct slice text = {NULL, 0};
    enum err err = json_get_string(FIELD("userId"), &text, p);

    if (err) {
        return err;
    }
    if (!text.at) {
        return problem_set(p, ERR_MISSING_FIELD, "userId",
            "userId is missing; tokens are revoked under their user, also one by its tokenId");
    }
    return address_copy_part(text, "userId", out->user_id, p);
}

static enum err read_token_id(struct json_object *body, struct asked *out, struct problem *p)
{
    struct slice text = {NULL, 0};
    enum err err = json_get_string(FIELD("tokenId"), &text, p);

    if (err || !text.at) {
        return err;
    }
    err = address_check_message_id(text, "tokenId", p);
    if (!err) {
        memcpy(out->token_id, text.at, text.len);
    }
    return err;
}

static enum err read_body(const struct request *req, struct asked *out, struct problem *p)
{
    static const char *const names[] = {"userId", "tokenId", "reason", NULL};
    struct json_object *body;
    enum err err = request_json(req, names, &body, p);

    if (err) {
        return err;
    }
    if (!(err = read_user(body, out, p)) && !(err = read_token_id(body, out, p))) {
        err = dismissal_parse_reason(body, out->reason, p);
    }
    json_object_put(body);
    return err;
}

static enum err check_replicas(
    const struct pipeline *pipeline, const struct config *config, struct problem *p)
{
    int64_t confirmed = 0;

    if (config->redis_wait_replicas == 0 ||
        (!pipeline->fates[1].err && !redis_reply_int(pipeline->replies[1], &confirmed) &&
            confirmed >= config->redis_wait_replicas)) {
        return ERR_OK;
    }
    return problem_set(
        p, ERR_TOO_FEW_REPLICAS, "", "revoked, but too few replicas confirmed it; repeat it");
}

/* ERR_TOO_FEW_REPLICAS: *out has been set all the same. */
static enum err store(
    struct worker *w, const struct asked *a, struct revocation_done *out, struct problem *p)
{
    const struct config *config = w->service->config;
    struct revocation revocation = {.user_id = a->user_id,
        .token_id = a->token_id,
        .reason = a->reason,
        .lifetime_ms = config->token_lifetime_max_ms + 2 * config->token_leeway_ms};
    struct pipeline pipeline;
    enum err err = pipeline_init(&pipeline, 2);

    if (err) {
        return err;
    }
    revocation_command(pipeline_add(&pipeline), config->redis_prefix, &revocation);
    if (config->redis_wait_replicas > 0) {
        pipeline_add_wait(&pipeline, config);
    }
    pipeline_run_each(&pipeline, w->redis, true);
    err = pipeline.fates[0].err;
    if (!err && !(err = revocation_decode(pipeline.replies[0], clock_wall_ms(), out))) {
        err = check_replicas(&pipeline, config, p);
    }
    pipeline_finish(&pipeline);
    return err;
}

enum err revoke_serve(
    struct worker *w, const struct request *req, struct response *res, struct problem *p)
{
    struct asked asked = {.user_id = ""};
    struct revocation_done done = {.entry_count = 0};
    enum err err = read_body(req, &asked, p);

    if (err || (err = auth_check_reach(req->caller, "", p))) {
        return err;
    }
    err = store(w, &asked, &done, p);
    hints_tell_nodes_of(w, done.entries, done.entry_count, HINT_CLOSE, asked.user_id);
    if (!err) {
        buf_addf(&res->data, "{\"sessions\":%zu,\"until\":%" PRId64 "}", done.entry_count,
            done.until_ms);
    }
    free(done.entries);
    return err;
}
