/*
 * Where the rules for the fields of POST /socketSend live.
 */
#include "shared/message.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/topic_pattern.h"

#define TIMEOUT_DEFAULT_MS 2000
#define FIELD(name) ((struct json_field){f->object, f->path, name})

/* What the steps of message_parse() read from. */
struct fields {
    struct slice text;
    struct json_object *object;
    const char *path;
};

static bool has(const struct fields *f, const char *name)
{
    return json_object_object_get_ex(f->object, name, NULL);
}

static enum err copy_session_id(
    const struct fields *f, const char *name, struct slice id, char *out, struct problem *p)
{
    if (!id_is_session(id)) {
        return json_refuse(FIELD(name), ERR_BAD_VALUE, "is not a session id", p);
    }
    memcpy(out, id.at, id.len);
    out[id.len] = '\0';
    return ERR_OK;
}

static enum err parse_message_id(const struct fields *f, struct message *m, struct problem *p)
{
    struct slice id = {NULL, 0};
    char path[sizeof(p->field)];
    enum err err = json_get_string(FIELD("messageId"), &id, p);

    if (err || !id.at) {
        return err;
    }
    json_path(path, sizeof(path), f->path, "messageId");
    return message_set_id(m, id, path, p);
}

static enum err parse_exclude(const struct fields *f, struct message *m, struct problem *p)
{
    struct json_object *array = NULL;
    enum err err = json_get_array(FIELD("exclude"), &array, p);
    size_t count = array ? json_object_array_length(array) : 0;

    if (err) {
        return err;
    }
    if (count > MESSAGE_EXCLUDE_MAX) {
        return json_refuse(FIELD("exclude"), ERR_OUT_OF_RANGE, "has more than 100 elements", p);
    }
    m->exclude = count > 0 ? calloc(count, sizeof(*m->exclude)) : NULL;
    if (count > 0 && !m->exclude) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    for (; m->exclude_count < count; m->exclude_count++) {
        struct json_object *element = json_object_array_get_idx(array, m->exclude_count);
        char name[sizeof("exclude[18446744073709551615]")];
        struct slice id;

        snprintf(name, sizeof(name), "exclude[%zu]", m->exclude_count);
        if (!json_object_is_type(element, json_type_string)) {
            return json_refuse(FIELD(name), ERR_WRONG_TYPE, "is not a string", p);
        }
        id.at = json_object_get_string(element);
        id.len = (size_t)json_object_get_string_len(element);
        err = copy_session_id(f, name, id, m->exclude[m->exclude_count], p);
        if (err) {
            return err;
        }
    }
    return ERR_OK;
}

static bool keeps_history(const struct message_rules *rules, const char *group)
{
    return rules->history && group_name_is_topic(group) && topic_pattern_has(rules->history, group);
}

static enum err parse_durability(
    const struct fields *f, const struct message_rules *rules, struct message *m, struct problem *p)
{
    bool to_session = m->target.session_id[0] != '\0';
    bool to_group = m->target.group[0] != '\0';
    bool is_kept = to_group ? keeps_history(rules, m->target.group) : !to_session;
    int64_t ttl_max_s = to_group && is_kept ? rules->history_ttl_max_s : rules->ttl_max_s;
    enum err err;

    m->durable = is_kept;
    if ((err = json_get_bool(FIELD("durable"), &m->durable, p)) ||
        (err = json_get_int(FIELD("ttl"), 1, ttl_max_s, &m->ttl_s, p))) {
        return err;
    }
    if (m->durable && to_session) {
        return json_refuse(FIELD("durable"), ERR_BAD_VALUE,
            "cannot be true with sessionId: a session's id never comes back", p);
    }
    if (m->durable && to_group && !is_kept) {
        return json_refuse(FIELD("durable"), ERR_BAD_VALUE,
            "cannot be true for a group without history (topics.history)", p);
    }
    if (m->ttl_s && !m->durable) {
        return json_refuse(FIELD("ttl"), ERR_BAD_VALUE, "needs a durable message", p);
    }
    return ERR_OK;
}

static enum err parse_wait_word(const struct fields *f, enum message_wait *out, struct problem *p)
{
    static const char *const words[] = {"none", "written", "ack"};
    struct slice word = slice_of("none");
    enum err err = json_get_string(FIELD("wait"), &word, p);

    if (err) {
        return err;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (slice_equal(word, words[i])) {
            *out = (enum message_wait)i;
            return ERR_OK;
        }
    }
    return json_refuse(FIELD("wait"), ERR_BAD_VALUE, "is not \"none\", \"written\" or \"ack\"", p);
}

enum err message_parse_wait(struct json_object *object, const char *path,
    const struct message_rules *rules, enum message_wait *wait, int64_t *timeout_ms,
    struct problem *p)
{
    const struct fields fields = {.object = object, .path = path};
    const struct fields *f = &fields;
    enum err err = parse_wait_word(f, wait, p);

    if (err) {
        return err;
    }
    if (*wait == MESSAGE_WAIT_NONE) {
        if (has(f, "timeoutMs")) {
            return json_refuse(
                FIELD("timeoutMs"), ERR_BAD_VALUE, "needs wait \"written\" or \"ack\"", p);
        }
        return ERR_OK;
    }
    *timeout_ms =
        rules->timeout_max_ms < TIMEOUT_DEFAULT_MS ? rules->timeout_max_ms : TIMEOUT_DEFAULT_MS;
    return json_get_int(FIELD("timeoutMs"), 1, rules->timeout_max_ms, timeout_ms, p);
}

enum err message_parse(struct slice text, struct json_object *object, const char *path,
    const struct message_rules *rules, struct message *out, struct problem *p)
{
    static const char *const allowed[] = {"userId", "serverClient", "page", "sessionId", "key",
        "topic", "all", "json", "msgInfo", "msgTitle", "destUrl", "messageId", "exclude", "durable",
        "ttl", "wait", "timeoutMs", NULL};
    const struct fields f = {text, object, path};
    enum err err;

    memset(out, 0, sizeof(*out));
    buf_init(&out->payload, (size_t)rules->payload_max_bytes);
    if ((err = json_only(object, path, allowed, p)) ||
        (err = target_parse(object, path, &out->target, p)) ||
        (err = parse_message_id(&f, out, p)) || (err = parse_exclude(&f, out, p)) ||
        (err = parse_durability(&f, rules, out, p)) ||
        (err = message_parse_wait(object, path, rules, &out->wait, &out->timeout_ms, p)) ||
        (err = message_encode_payload(text, object, path, &out->payload, p))) {
        message_finish(out);
    }
    return err;
}

void message_finish(struct message *m)
{
    buf_finish(&m->payload);
    free(m->exclude);
    m->exclude = NULL;
    m->exclude_count = 0;
}

enum err message_set_id(struct message *m, struct slice id, const char *field, struct problem *p)
{
    enum err err = address_check_message_id(id, field, p);

    if (err) {
        return err;
    }
    memcpy(m->message_id, id.at, id.len);
    m->message_id[id.len] = '\0';
    return ERR_OK;
}

static enum err check_text(const struct fields *f, const char *name, struct problem *p)
{
    struct slice unused;

    return json_get_string(FIELD(name), &unused, p);
}

static void add_raw_member(const struct fields *f, const char *name, struct buf *out, size_t start)
{
    if (!has(f, name)) {
        return;
    }
    struct slice raw = json_raw_member(f->text, name);
    buf_add_str(out, out->len > start + 1 ? ",\"" : "\"");
    buf_add_str(out, name);
    buf_add_str(out, "\":");
    buf_add(out, raw.at, raw.len);
}

enum err message_encode_payload(struct slice text, struct json_object *object, const char *path,
    struct buf *out, struct problem *p)
{
    static const char *const members[] = {"msgTitle", "msgInfo", "destUrl", "json"};
    const struct fields fields = {text, object, path};
    const struct fields *f = &fields;
    size_t start = out->len;
    enum err err;

    if ((err = check_text(f, "msgTitle", p)) || (err = check_text(f, "msgInfo", p)) ||
        (err = check_text(f, "destUrl", p))) {
        return err;
    }
    if (!has(f, "json") && !has(f, "msgInfo")) {
        return json_refuse(FIELD("json"), ERR_NO_PAYLOAD, "or msgInfo is required", p);
    }
    buf_add_char(out, '{');
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        add_raw_member(f, members[i], out, start);
    }
    buf_add_char(out, '}');
    err = buf_err(out);
    if (err == ERR_BODY_TOO_LARGE) {
        return problem_set(p, ERR_PAYLOAD_TOO_LARGE, path,
            "json, msgInfo, msgTitle and destUrl together have more than %zu bytes", out->max);
    }
    return err ? problem_set(p, err, path, NULL) : ERR_OK;
}

enum err message_hash(const struct message *m, char out[MESSAGE_HASH_BYTES])
{
    const struct target *t = &m->target;
    const char *const parts[] = {t->user_id, t->server_client, t->page, t->session_id,
        m->durable ? "durable" : "", t->group};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_bytes = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int ok = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL);

    /* Each with its NUL, which none of them can hold, so that no two targets run together. */
    size_t count = sizeof(parts) / sizeof(parts[0]) - !t->group[0];
    for (size_t i = 0; ok && i < count; i++) {
        ok = EVP_DigestUpdate(context, parts[i], strlen(parts[i]) + 1);
    }
    ok = ok && EVP_DigestUpdate(context, buf_str(&m->payload), m->payload.len) &&
         EVP_DigestFinal_ex(context, digest, &digest_bytes);
    EVP_MD_CTX_free(context);
    if (!ok) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < digest_bytes; i++) {
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }
    return ERR_OK;
}
