/*
 * POST /forwardSend and POST /forwardClose: what fcgi-send asks of a node.
 */
#include <string.h>

#include "shared/clock.h"
#include "shared/json.h"
#include "wsnode/deliver.h"
#include "wsnode/internal_http.h"

#define ANSWER_BYTES_MAX ((size_t)64 * 1024 * 1024)

static void answer_statuses(struct internal_request *r, struct envelope_answer *statuses)
{
    struct buf body;

    buf_init(&body, ANSWER_BYTES_MAX);
    envelope_answer_encode(statuses, &body);
    if (buf_err(&body)) {
        struct problem p;
        (void)problem_set(&p, ERR_NO_MEMORY, "", NULL);
        internal_fail(r, &p);
    } else {
        internal_answer(r, 200, NULL, (struct slice){body.bytes, body.len});
    }
    buf_finish(&body);
    envelope_answer_finish(statuses);
}

static enum err decode(
    struct internal_request *r, struct envelope *e, struct buf *payload, struct problem *p)
{
    struct slice body = {buf_str(&r->body), r->body.len};

    return r->is_json ? envelope_decode_single(body, e, payload, p) : envelope_decode(body, e, p);
}

void internal_forward_send(struct internal_request *r)
{
    struct envelope envelope;
    struct envelope_answer statuses;
    struct buf payload;
    struct problem p;
    uint64_t number;

    node_stat_add(forwards, 1);
    buf_init(&payload, r->body.max);
    enum err err = decode(r, &envelope, &payload, &p);
    if (!err) {
        err = deliver_envelope(r->node, &envelope, clock_mono_ms(), &statuses, &number);
        if (err) {
            (void)problem_set(&p, err, "", NULL);
        }
        envelope_finish(&envelope);
    }
    if (err) {
        internal_fail(r, &p);
    } else if (number != 0) {
        internal_await(r, number);
    } else {
        answer_statuses(r, &statuses);
    }
    buf_finish(&payload);
}

void deliver_on_done(struct node *n, uint64_t number, struct envelope_answer *answer)
{
    struct internal_request *r = internal_find_awaiting(n, number);

    if (r) {
        answer_statuses(r, answer);
    } else {
        envelope_answer_finish(answer);
    }
}

/* Which sessions to close, and how. */
struct closing {
    struct node *node;
    char session_id[SESSION_ID_BYTES]; /* one of the three is not "" */
    char user_id[ADDRESS_PART_BYTES_MAX + 1];
    struct address address; /* if by_key */
    bool by_key;
    uint16_t code;
    char reason[CLOSE_REASON_BYTES_MAX + 1];
    int64_t closed;
};

/* Codes that an application may send: RFC 6455 7.4. */
static bool is_sendable(int64_t code)
{
    bool reserved = code == 1004 || code == 1005 || code == 1006;

    return (code >= 1000 && code <= 1014 && !reserved) || (code >= 3000 && code <= 4999);
}

static enum err read_how(struct json_object *body, struct closing *c, struct problem *p)
{
    int64_t code = CLOSE_CLOSED_BY_API;
    struct slice reason = slice_of(close_reason_text(CLOSE_CLOSED_BY_API));

    enum err err = json_get_int((struct json_field){body, "", "code"}, 1000, 4999, &code, p);
    if (err) {
        return err;
    }
    if (!is_sendable(code)) {
        return problem_set(
            p, ERR_BAD_VALUE, "code", "code %d may not be sent (RFC 6455 7.4)", (int)code);
    }
    err = json_get_string((struct json_field){body, "", "reason"}, &reason, p);
    if (err) {
        return err;
    }
    if (reason.len > CLOSE_REASON_BYTES_MAX) {
        return problem_set(
            p, ERR_BAD_VALUE, "reason", "reason is longer than %d bytes", CLOSE_REASON_BYTES_MAX);
    }
    if (memchr(reason.at, '\0', reason.len)) {
        return problem_set(p, ERR_NUL_BYTE, "reason", NULL);
    }
    c->code = (uint16_t)code;
    memcpy(c->reason, reason.at, reason.len);
    c->reason[reason.len] = '\0';
    return ERR_OK;
}

static enum err read_target(struct json_object *body, struct closing *c, struct problem *p)
{
    struct slice session_id = {NULL, 0};
    struct slice user_id = {NULL, 0};
    struct slice key = {NULL, 0};

    enum err err = json_get_string((struct json_field){body, "", "sessionId"}, &session_id, p);
    if (!err) {
        err = json_get_string((struct json_field){body, "", "userId"}, &user_id, p);
    }
    if (!err) {
        err = json_get_string((struct json_field){body, "", "key"}, &key, p);
    }
    if (err) {
        return err;
    }
    int targets = (session_id.at != NULL) + (user_id.at != NULL) + (key.at != NULL);
    if (targets != 1) {
        return problem_set(p, targets == 0 ? ERR_NO_TARGET : ERR_TWO_TARGETS, "",
            "exactly one of sessionId, userId and key must be there");
    }
    if (key.at) {
        c->by_key = true;
        return address_parse_key(key, "key", &c->address, p);
    }
    if (user_id.at) {
        return address_copy_part(user_id, "userId", c->user_id, p);
    }
    if (!id_is_session(session_id)) {
        return problem_set(p, ERR_BAD_VALUE, "sessionId", "sessionId is not the id of a session");
    }
    memcpy(c->session_id, session_id.at, session_id.len);
    return ERR_OK;
}

static enum err read_closing(struct internal_request *r, struct closing *c, struct problem *p)
{
    static const char *const fields[] = {"sessionId", "userId", "key", "code", "reason", NULL};
    struct json_object *body;

    enum err err = json_parse_object((struct slice){buf_str(&r->body), r->body.len}, &body, p);
    if (err) {
        return err;
    }
    err = json_only(body, "", fields, p);
    if (!err) {
        err = read_target(body, c, p);
    }
    if (!err) {
        err = read_how(body, c, p);
    }
    json_object_put(body);
    return err;
}

static bool is_meant(const struct closing *c, const struct session *s)
{
    struct address a;

    if (!c->by_key) {
        return true;
    }
    session_table_address(s, &a);
    return address_matches(&a, &c->address);
}

static void close_one(struct session *s, void *arg)
{
    struct closing *c = arg;

    if (s->state != SESSION_CLOSING && is_meant(c, s)) {
        session_close_with(c->node, s, c->code, c->reason);
        c->closed++;
    }
}

void internal_forward_close(struct internal_request *r)
{
    struct closing c = {.node = r->node};
    struct problem p;
    char body[96];

    if (read_closing(r, &c, &p)) {
        internal_fail(r, &p);
        return;
    }
    if (*c.session_id) {
        struct session *s = session_table_find(&r->node->table, c.session_id);
        if (s) {
            close_one(s, &c);
        }
    } else {
        session_table_each_of_user(
            &r->node->table, c.by_key ? c.address.user_id : c.user_id, close_one, &c);
    }
    int len = snprintf(body, sizeof(body), "{\"code\":0,\"msg\":\"ok\",\"data\":{\"closed\":%lld}}",
        (long long)c.closed);
    internal_answer(r, 200, NULL, (struct slice){body, (size_t)len});
}
