/*
 * POST /forwardClose: sessions that the backend, or an operator, wants to end.
 */
#include <stdlib.h>
#include <string.h>

#include "shared/dismissal.h"
#include "wsnode/group_close.h"
#include "wsnode/internal_http.h"
#include "wsnode/session.h"

#define ANSWER_BYTES_MAX ((size_t)64 * 1024 * 1024)

_Static_assert((int)CLOSE_CLOSED_BY_API == DISMISSAL_CODE_DEFAULT, "both say the same");

/* Which sessions to close, and how. */
struct wanted {
    struct node *node;
    struct dismissal how;
    char (*session_ids)[SESSION_ID_BYTES]; /* owned; NULL: of the user or at the key */
    size_t session_count;
    char user_id[ADDRESS_PART_BYTES_MAX + 1];
    struct address address; /* if by_key */
    bool by_key;
    char group[GROUP_NAME_BYTES]; /* "": none */
    int64_t at_ms;                /* of the order, if it is about a group; 0: not said */
    int64_t closed;
};

static enum err read_how(struct json_object *body, struct dismissal *how, struct problem *p)
{
    int64_t code = CLOSE_CLOSED_BY_API;
    const char *usual = close_reason_text(CLOSE_CLOSED_BY_API);

    enum err err = json_get_int((struct json_field){body, "", "code"}, 1000, 4999, &code, p);
    if (err) {
        return err;
    }
    if (!dismissal_is_code(code)) {
        return problem_set(
            p, ERR_BAD_VALUE, "code", "code %d may not be sent (RFC 6455 7.4)", (int)code);
    }
    how->code = (uint16_t)code;
    memcpy(how->reason, usual, strlen(usual) + 1);
    return dismissal_parse_reason(body, how->reason, p);
}

static bool has(struct json_object *body, const char *name)
{
    return json_object_object_get_ex(body, name, NULL);
}

/* A list is answered by which of it are gone, so it may be empty. */
static enum err read_session_ids(struct json_object *body, struct wanted *w, struct problem *p)
{
    struct slice id = {NULL, 0};

    if (has(body, "sessions")) {
        return dismissal_parse_sessions(
            (struct json_field){body, "", "sessions"}, &w->session_ids, &w->session_count, p);
    }
    enum err err = json_get_string((struct json_field){body, "", "sessionId"}, &id, p);
    if (err) {
        return err;
    }
    if (!id_is_session(id)) {
        return problem_set(p, ERR_BAD_VALUE, "sessionId", "sessionId is not the id of a session");
    }
    w->session_ids = calloc(1, sizeof(*w->session_ids));
    if (!w->session_ids) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    memcpy(w->session_ids[0], id.at, id.len);
    w->session_count = 1;
    return ERR_OK;
}

/* Topics are for messages. */
static enum err read_group(struct json_object *body, struct wanted *w, struct problem *p)
{
    struct slice boot = {NULL, 0};
    struct slice name = {NULL, 0};
    enum err err;

    if ((err = json_get_string((struct json_field){body, "", "group"}, &name, p)) ||
        (err = group_name_copy(name, "group", w->group, p)) ||
        (err = json_get_int((struct json_field){body, "", "at"}, 0, INT64_MAX, &w->at_ms, p)) ||
        (err = json_get_string((struct json_field){body, "", "boot"}, &boot, p))) {
        return err;
    }
    if (group_name_is_topic(w->group)) {
        return problem_set(p, ERR_BAD_VALUE, "group", "group is a topic");
    }
    if (boot.at && !slice_equal(boot, w->node->boot)) {
        return problem_set(p, ERR_WRONG_BOOT, "", NULL);
    }
    return ERR_OK;
}

static enum err read_target(struct json_object *body, struct wanted *w, struct problem *p)
{
    int targets = has(body, "sessionId") + has(body, "sessions") + has(body, "userId") +
                  has(body, "key") + has(body, "group");
    struct slice name = {NULL, 0};
    enum err err;

    if (targets != 1) {
        return problem_set(p, targets == 0 ? ERR_NO_TARGET : ERR_TWO_TARGETS, "",
            "exactly one of sessionId, sessions, userId, key and group must be there");
    }
    if (has(body, "group")) {
        return read_group(body, w, p);
    }
    if (has(body, "key")) {
        w->by_key = true;
        err = json_get_string((struct json_field){body, "", "key"}, &name, p);
        return err ? err : address_parse_key(name, "key", &w->address, p);
    }
    if (has(body, "userId")) {
        err = json_get_string((struct json_field){body, "", "userId"}, &name, p);
        return err ? err : address_copy_part(name, "userId", w->user_id, p);
    }
    return read_session_ids(body, w, p);
}

static enum err read_body(struct internal_request *r, struct wanted *w, struct problem *p)
{
    static const char *const fields[] = {
        "sessionId", "sessions", "userId", "key", "group", "at", "boot", "code", "reason", NULL};
    struct json_object *body;

    enum err err = json_parse_object((struct slice){buf_str(&r->body), r->body.len}, &body, p);
    if (err) {
        return err;
    }
    err = json_only(body, "", fields, p);
    if (!err) {
        err = read_how(body, &w->how, p);
    }
    if (!err) {
        err = read_target(body, w, p);
    }
    json_object_put(body);
    return err;
}

static bool is_meant(const struct wanted *w, const struct session *s)
{
    struct address a;

    if (!w->by_key) {
        return true;
    }
    session_table_address(s, &a);
    return address_matches(&a, &w->address);
}

static void close_one(struct session *s, void *arg)
{
    struct wanted *w = arg;

    if (s->state != SESSION_CLOSING && is_meant(w, s)) {
        session_close_with(w->node, s, w->how.code, w->how.reason);
        w->closed++;
    }
}

/* Those that are not there are added to gone. One that is being closed already is there. */
static void close_listed(struct wanted *w, struct buf *gone)
{
    for (size_t i = 0; i < w->session_count; i++) {
        struct session *s = session_table_find(&w->node->table, w->session_ids[i]);

        if (s) {
            close_one(s, w);
        } else {
            buf_addf(gone, "%s\"%s\"", gone->len > 0 ? "," : "", w->session_ids[i]);
        }
    }
}

/* An order that came already is not carried out again: others may be there now. */
static void close_group(struct wanted *w)
{
    if (w->at_ms == 0 || topics_local_take_order(&w->node->topics, w->group, w->at_ms, false)) {
        w->closed = group_close(w->node, w->group, &w->how, INT64_MAX);
    }
}

static void answer(struct internal_request *r, const struct wanted *w, const struct buf *gone)
{
    struct buf body;

    buf_init(&body, gone->max);
    buf_addf(&body, "{\"code\":0,\"msg\":\"ok\",\"data\":{\"closed\":%lld,\"gone\":[%s]}}",
        (long long)w->closed, buf_str(gone));
    internal_answer(r, 200, NULL, (struct slice){buf_str(&body), body.len});
    buf_finish(&body);
}

void internal_forward_close(struct internal_request *r)
{
    struct wanted w = {.node = r->node};
    struct problem p;
    struct buf gone;

    if (read_body(r, &w, &p)) {
        internal_fail(r, &p);
        return;
    }
    buf_init(&gone, ANSWER_BYTES_MAX);
    if (w.session_ids) {
        close_listed(&w, &gone);
    } else if (w.group[0]) {
        close_group(&w);
    } else {
        session_table_each_of_user(
            &r->node->table, w.by_key ? w.address.user_id : w.user_id, close_one, &w);
    }
    answer(r, &w, &gone);
    buf_finish(&gone);
    free(w.session_ids);
}
