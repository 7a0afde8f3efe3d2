/*
 * Is this a message that can be sent?
 */
#include "fcgi-send/validate.h"

#include <string.h>

static enum err take_idempotency_key(struct message *m, const char *key, struct problem *p)
{
    static const char field[] = "Idempotency-Key";

    if (!key || strcmp(m->message_id, key) == 0) {
        return ERR_OK;
    }
    if (m->message_id[0]) {
        return problem_set(
            p, ERR_BAD_VALUE, field, "differs from messageId, which is another name for it");
    }
    return message_set_id(m, slice_of(key), field, p);
}

enum err validate_send(struct slice body, const char *idempotency_key,
    const struct message_rules *rules, struct message *out, struct problem *p)
{
    struct json_object *object;
    enum err err = json_parse_object(body, &object, p);

    if (err) {
        return err;
    }
    err = message_parse(body, object, "", rules, out, p);
    json_object_put(object);
    if (err) {
        return err;
    }
    err = take_idempotency_key(out, idempotency_key, p);
    if (err) {
        message_finish(out);
    }
    return err;
}
