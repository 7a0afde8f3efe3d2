/*
 * The form in which the article that this system comes from forwards: one message, one session,
 * plain JSON.
 */
#include <stdlib.h>
#include <string.h>

#include "shared/envelope.h"

#define FIELD(name) ((struct json_field){object, "", name})

static enum err parse_owner(struct json_object *object, struct envelope *e, struct problem *p)
{
    struct slice key = {NULL, 0};
    struct slice user_id = {NULL, 0};
    enum err err;

    if ((err = json_get_string(FIELD("key"), &key, p)) ||
        (err = json_get_string(FIELD("userId"), &user_id, p))) {
        return err;
    }
    if (key.at && (err = address_parse_key(key, "key", &e->owner, p))) {
        return err;
    }
    return user_id.at ? address_copy_part(user_id, "userId", e->owner_user_id, p) : ERR_OK;
}

static enum err parse_session(
    struct json_object *object, char out[SESSION_ID_BYTES], struct problem *p)
{
    enum err err = json_copy_string(FIELD("sessionId"), out, SESSION_ID_BYTES, p);

    if (err) {
        return err;
    }
    if (!id_is_session(slice_of(out))) {
        return problem_set(p, ERR_BAD_VALUE, "sessionId", "sessionId is not a session id");
    }
    return ERR_OK;
}

static enum err parse(struct json_object *object, struct slice body, struct envelope *e,
    struct buf *payload_store, char session[SESSION_ID_BYTES], struct problem *p)
{
    static const char *const allowed[] = {
        "sessionId", "key", "userId", "json", "msgInfo", "msgTitle", "destUrl", NULL};
    enum err err;

    if ((err = json_only(object, "", allowed, p)) || (err = parse_owner(object, e, p)) ||
        (err = parse_session(object, session, p))) {
        return err;
    }
    return message_encode_payload(body, object, "", payload_store, p);
}

enum err envelope_decode_single(
    struct slice body, struct envelope *out, struct buf *payload_store, struct problem *p)
{
    char session[SESSION_ID_BYTES];
    struct envelope e = {.message_count = 1};
    struct json_object *object;
    enum err err = json_parse_object(body, &object, p);

    if (err) {
        return err;
    }
    err = parse(object, body, &e, payload_store, session, p);
    json_object_put(object);
    if (err) {
        return err;
    }
    e.messages = calloc(1, sizeof(*e.messages));
    if (e.messages) {
        e.messages->sessions = calloc(1, sizeof(*e.messages->sessions));
    }
    if (!e.messages || !e.messages->sessions) {
        free(e.messages);
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    memcpy(e.messages->sessions[0], session, sizeof(session));
    e.messages->session_count = 1;
    e.messages->payload = (struct slice){buf_str(payload_store), payload_store->len};
    id_random(e.messages->forward_id, sizeof(e.messages->forward_id));
    *out = e;
    return ERR_OK;
}
