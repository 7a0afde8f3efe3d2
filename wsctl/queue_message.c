/*
 * Keeps a queue's message, and writes it as POST /socketSend takes it. Members are copied as bytes,
 * so that numbers keep their digits.
 */
#include "wsctl/queue_message.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shared/address.h"
#include "shared/json.h"

void queue_message_init(struct queue_message *m)
{
    *m = (struct queue_message){.tag = 0};
    buf_init(&m->body, QUEUE_BODY_BYTES_MAX);
}

void queue_message_finish(struct queue_message *m)
{
    buf_finish(&m->body);
}

void queue_message_move(struct queue_message *to, struct queue_message *from)
{
    *to = *from;
    queue_message_init(from);
}

void fate_set(struct fate *fate, enum verdict verdict, int code, const char *format, ...)
{
    va_list args;

    fate->verdict = verdict;
    fate->code = code;
    va_start(args, format);
    (void)vsnprintf(fate->why, sizeof(fate->why), format, args); /* cut if it is longer */
    va_end(args);
}

bool fate_is_final(const struct fate *fate)
{
    return fate->verdict == VERDICT_SENT || fate->verdict == VERDICT_DEAD;
}

static void add_hash(struct buf *out, const struct buf *text)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;

    if (!EVP_Digest(buf_str(text), text->len, digest, &len, EVP_sha256(), NULL)) {
        len = 0; /* no memory: without an id it is sent all the same */
    }
    for (unsigned int i = 0; i < len; i++) {
        buf_addf(out, "%02x", digest[i]);
    }
}

void queue_message_set_id(struct queue_message *m, const char *space, struct slice id)
{
    struct buf text;
    struct buf hash;

    m->id[0] = '\0';
    buf_init(&text, QUEUE_BODY_BYTES_MAX);
    buf_init(&hash, sizeof(m->id) - 1);
    buf_add_str(&text, space);
    buf_add(&text, id.at, id.len);
    struct slice whole = {buf_str(&text), text.len};
    if (address_check_message_id(whole, "", NULL)) {
        add_hash(&hash, &text);
        whole = (struct slice){buf_str(&hash), hash.len};
    }
    if (id.len > 0 && !buf_err(&text) && !buf_err(&hash)) {
        memcpy(m->id, whole.at, whole.len);
        m->id[whole.len] = '\0';
    }
    buf_finish(&text);
    buf_finish(&hash);
}

static bool is_for_a_waiting_caller(struct slice name)
{
    return slice_equal(name, "wait") || slice_equal(name, "timeoutMs");
}

enum err queue_message_encode(
    const struct queue_message *m, const char *before, struct buf *out, struct problem *p)
{
    struct slice text = {buf_str(&m->body), m->body.len};
    struct json_walk walk;
    struct slice name;
    struct slice value;
    const char *comma = "";

    enum err err = json_check(text, NULL, p);
    if (err) {
        return err;
    }
    json_walk_start(&walk, text);
    if (!walk.in_object) {
        return problem_set(p, ERR_WRONG_TYPE, "", "the message is not a JSON object");
    }
    buf_add_str(out, before);
    buf_add_char(out, '{');
    if (*m->id && !json_raw_member(text, "messageId").at) {
        buf_add_str(out, "\"messageId\":");
        buf_add_json_string(out, m->id, strlen(m->id));
        comma = ",";
    }
    while (json_walk_next(&walk, &name, &value)) {
        if (!is_for_a_waiting_caller(name)) {
            buf_addf(out, "%s\"%.*s\":", comma, (int)name.len, name.at);
            buf_add(out, value.at, value.len);
            comma = ",";
        }
    }
    buf_add_char(out, '}');
    return ERR_OK;
}
