/*
 * Are these messages that can be sent?
 */
#include "fcgi-send/validate.h"

#include <stdio.h>
#include <string.h>

static const char key_field[] = "Idempotency-Key";

static enum err take_idempotency_key(struct message *m, const char *key, struct problem *p)
{
    if (!key || strcmp(m->message_id, key) == 0) {
        return ERR_OK;
    }
    if (m->message_id[0]) {
        return problem_set(
            p, ERR_BAD_VALUE, key_field, "differs from messageId, which is another name for it");
    }
    return message_set_id(m, slice_of(key), key_field, p);
}

static enum err read_one(struct slice text, struct json_object *object, const char *key,
    const struct message_rules *rules, struct batch *out, struct problem *p)
{
    enum err err = batch_init(out, 1);

    if (err) {
        return err;
    }
    struct message *m = &out->sendings[0].message;
    if ((err = message_parse(text, object, "", rules, m, p)) ||
        (err = take_idempotency_key(m, key, p))) {
        batch_finish(out);
        return err;
    }
    out->wait = m->wait;
    out->timeout_ms = m->timeout_ms;
    return ERR_OK;
}

/* One forward takes all messages to a node, and is answered once. */
static enum err refuse_wait(struct json_object *element, const char *path, struct problem *p)
{
    static const char *const names[] = {"wait", "timeoutMs"};
    char field[sizeof(p->field)];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (json_object_object_get_ex(element, names[i], NULL)) {
            json_path(field, sizeof(field), path, names[i]);
            return problem_set(
                p, ERR_BAD_VALUE, field, "%s stands next to messages, for all of them", names[i]);
        }
    }
    return ERR_OK;
}

static void read_element(struct slice text, struct json_object *element, size_t place,
    const struct message_rules *rules, struct sending *s)
{
    char path[sizeof("messages[18446744073709551615]")];

    snprintf(path, sizeof(path), "messages[%zu]", place);
    if (!json_object_is_type(element, json_type_object)) {
        problem_set(&s->problem, ERR_WRONG_TYPE, path, "%s is not an object", path);
        return;
    }
    enum err err = refuse_wait(element, path, &s->problem);
    if (!err) {
        err = message_parse(text, element, path, rules, &s->message, &s->problem);
    }
    if (err && !s->problem.err) {
        problem_set(&s->problem, err, path, NULL);
    }
}

/* The elements as they stand in the text, and as they were parsed. */
static void read_elements(struct slice text, struct json_object *array,
    const struct message_rules *rules, struct batch *out)
{
    struct json_walk walk;
    struct slice unused;
    struct slice element;

    json_walk_start(&walk, json_raw_member(text, "messages"));
    for (size_t i = 0; i < out->count && json_walk_next(&walk, &unused, &element); i++) {
        read_element(element, json_object_array_get_idx(array, i), i, rules, &out->sendings[i]);
    }
}

static enum err read_list(struct slice text, struct json_object *object,
    const struct message_rules *rules, size_t batch_max, struct batch *out, struct problem *p)
{
    static const char *const allowed[] = {"messages", "wait", "timeoutMs", NULL};
    struct json_object *array = NULL;
    enum message_wait wait = MESSAGE_WAIT_NONE;
    int64_t timeout_ms = 0;
    enum err err;

    if ((err = json_only(object, "", allowed, p)) ||
        (err = json_get_array((struct json_field){object, "", "messages"}, &array, p)) ||
        (err = message_parse_wait(object, "", rules, &wait, &timeout_ms, p))) {
        return err;
    }
    size_t count = json_object_array_length(array);
    if (count == 0 || count > batch_max) {
        return problem_set(p, ERR_OUT_OF_RANGE, "messages",
            "messages has not 1 to %zu elements (send.batch_max)", batch_max);
    }
    err = batch_init(out, count);
    if (err) {
        return err;
    }
    out->is_list = true;
    out->wait = wait;
    out->timeout_ms = timeout_ms;
    read_elements(text, array, rules, out);
    return ERR_OK;
}

enum err validate_send(struct slice body, const char *idempotency_key,
    const struct message_rules *rules, size_t batch_max, struct batch *out, struct problem *p)
{
    struct json_object *object;
    enum err err = json_parse_object(body, &object, p);

    if (err) {
        return err;
    }
    if (!json_object_object_get_ex(object, "messages", NULL)) {
        err = read_one(body, object, idempotency_key, rules, out, p);
    } else if (idempotency_key) {
        err = problem_set(p, ERR_BAD_VALUE, key_field,
            "is for a single message: in messages, each has its own messageId");
    } else {
        err = read_list(body, object, rules, batch_max, out, p);
    }
    json_object_put(object);
    return err;
}
