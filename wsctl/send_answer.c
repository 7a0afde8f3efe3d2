/*
 * Reads the answer of POST /socketSend to {"messages":[…]}.
 */
#include "wsctl/send_answer.h"

#include "shared/json.h"

static void all_again(const struct send_answer *a, struct fate **fates, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (a->status == 0) {
            fate_set(fates[i], VERDICT_AGAIN, 0, "%s", a->why);
        } else {
            fate_set(fates[i], VERDICT_AGAIN, 0, "HTTP %d: %.*s", a->status,
                (int)(a->body.len < 100 ? a->body.len : 100), a->body.at);
        }
    }
}

static enum verdict verdict_of(int status)
{
    if (status == 500) {
        return VERDICT_FAILED;
    }
    return status >= 400 && status < 500 && status != 429 ? VERDICT_DEAD : VERDICT_AGAIN;
}

/* One element of data.messages, or the whole of an answer that is about one message. */
static void read_one(struct json_object *object, struct fate *fate)
{
    struct slice msg = {"", 0};
    int64_t code = -1;

    if (!json_object_is_type(object, json_type_object) ||
        json_get_int((struct json_field){object, "", "code"}, 0, 59999, &code, NULL) ||
        json_get_string((struct json_field){object, "", "msg"}, &msg, NULL) || code < 0) {
        fate_set(fate, VERDICT_AGAIN, 0, "the answer says nothing of this message");
    } else if (code == 0) {
        fate_set(fate, VERDICT_SENT, 0, "%s", "");
    } else {
        fate_set(fate, verdict_of((int)code / 100), (int)code, "%.*s", (int)msg.len, msg.at);
    }
}

static enum send_result read_list(
    const struct send_answer *a, struct json_object *root, struct fate **fates, size_t count)
{
    struct json_object *data = NULL;
    struct json_object *list = NULL;

    if (!json_object_object_get_ex(root, "data", &data) ||
        !json_object_object_get_ex(data, "messages", &list) ||
        !json_object_is_type(list, json_type_array) || json_object_array_length(list) != count) {
        all_again(a, fates, count);
        return SEND_AGAIN;
    }
    for (size_t i = 0; i < count; i++) {
        read_one(json_object_array_get_idx(list, i), fates[i]);
    }
    return SEND_ANSWERED;
}

/* A refusal of a request with one message: by its HTTP status, whatever a body says. */
static void read_refusal(const struct send_answer *a, struct fate *fate)
{
    struct json_object *root = NULL;

    all_again(a, &fate, 1);
    if (!json_parse_object(a->body, &root, NULL)) {
        read_one(root, fate);
        json_object_put(root);
    }
    fate->verdict = verdict_of(a->status);
}

/* Web servers too answer 400: to a URL that they cannot make sense of. */
static bool is_ours(const struct send_answer *a)
{
    struct json_object *root = NULL;
    int64_t code = 0;

    if (json_parse_object(a->body, &root, NULL)) {
        return false;
    }
    enum err err = json_get_int((struct json_field){root, "", "code"}, 0, 59999, &code, NULL);
    json_object_put(root);
    return !err && code > 0;
}

enum send_result send_answer_read(const struct send_answer *a, struct fate **fates, size_t count)
{
    bool may_be_the_message =
        (a->status == 400 && is_ours(a)) || a->status == 413 || a->status == 500;
    struct json_object *root = NULL;

    if (may_be_the_message && count > 1) {
        return SEND_SPLIT;
    }
    if (may_be_the_message) {
        read_refusal(a, fates[0]);
        return SEND_ANSWERED;
    }
    if (a->status != 200 || json_parse_object(a->body, &root, NULL)) {
        all_again(a, fates, count);
        return SEND_AGAIN;
    }
    enum send_result result = read_list(a, root, fates, count);
    json_object_put(root);
    return result;
}
