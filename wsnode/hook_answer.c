/*
 * Reads the backend's answer, and errs on the side of not letting in.
 */
#include "wsnode/hook_answer.h"

#include "shared/json.h"
#include "shared/log.h"
#include "shared/token_claims.h"

#define EXPIRES_IN_S_MAX (366L * 24 * 3600)

static bool is_success(int status)
{
    return status >= 200 && status < 300;
}

static bool is_temporary(int status)
{
    return status == 0 || status == 429 || status >= 500;
}

static enum err read_members(
    struct json_object *object, int64_t asked_ms, struct token *t, struct problem *p)
{
    int64_t expires_in_s = 0;

    enum err err = json_get_int(
        (struct json_field){object, "", "expiresIn"}, 1, EXPIRES_IN_S_MAX, &expires_in_s, p);
    if (err) {
        return err;
    }
    t->expires_ms = expires_in_s > 0 ? asked_ms + expires_in_s * 1000 : 0;
    return token_read_topics(object, t, p);
}

static enum err read_body(struct slice body, int64_t asked_ms, struct token *t)
{
    struct json_object *object;
    struct problem p;

    if (body.len == 0) {
        return ERR_OK;
    }
    enum err err = json_parse_object(body, &object, &p);
    if (!err) {
        err = read_members(object, asked_ms, t, &p);
        json_object_put(object);
    }
    if (err) {
        log_limited(LOG_ERROR, "the hook's answer is not understood", "field=%s why=\"%s\"",
            p.field, p.msg);
    }
    return err ? ERR_HOOK_AWAY : ERR_OK;
}

void hook_answer_read(const struct http_reply *reply, int64_t asked_ms, struct hook_answer *out)
{
    *out = (struct hook_answer){.token = {.issued_ms = asked_ms}};
    if (is_success(reply->status)) {
        out->err = read_body(reply->body, asked_ms, &out->token);
    } else if (is_temporary(reply->status)) {
        log_limited(LOG_WARN, "the hook does not answer", "status=%d why=\"%s\"", reply->status,
            reply->status == 0 ? reply->why : "");
        out->err = ERR_HOOK_AWAY;
    } else {
        out->err = ERR_HOOK_REFUSED;
    }
}
