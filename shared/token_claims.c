/*
 * Reads the claims of a token whose signature was found good; token.h says what each must be.
 */
#include "shared/token_claims.h"

#include <math.h>
#include <string.h>

#include "shared/json.h"

/* 9999-12-31: what comes after it is a mistake, such as milliseconds. */
#define DATE_S_MAX 253402300799.0
#define TOPICS_MAX 32
#define FIELD(name) ((struct json_field){object, "", name})

enum err token_refuse(struct problem *p, const char *field, const char *why)
{
    return problem_set(p, ERR_TOKEN_INVALID, field, "the token is not accepted: %s%s%s", field,
        *field ? " " : "", why);
}

enum err token_refuse_as(enum err err, struct problem *p, const char *field, const char *why)
{
    return err == ERR_NO_MEMORY ? problem_set(p, err, "", NULL) : token_refuse(p, field, why);
}

enum err token_read_text(
    struct json_object *object, const char *name, struct slice *out, struct problem *p)
{
    return json_get_string(FIELD(name), out, NULL) ? token_refuse(p, name, "is not a string")
                                                   : ERR_OK;
}

/* NumericDate (RFC 7519 2): seconds, maybe with a fraction. */
static enum err read_date(
    struct json_object *object, const char *name, int64_t *out_ms, struct problem *p)
{
    struct json_object *value;

    if (!json_object_object_get_ex(object, name, &value)) {
        return ERR_OK;
    }
    bool is_number =
        json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double);
    double seconds = is_number ? json_object_get_double(value) : NAN;
    if (!(seconds > 0 && seconds <= DATE_S_MAX)) {
        return token_refuse(p, name, "is not a number of seconds since 1970");
    }
    *out_ms = (int64_t)(seconds * 1000);
    return ERR_OK;
}

static enum err check_expiry(
    const struct config *c, const struct token *t, int64_t now_ms, struct problem *p)
{
    if (t->expires_ms == 0) {
        return token_refuse(p, "exp", "is missing");
    }
    if (now_ms >= t->expires_ms + c->token_leeway_ms) {
        return problem_set(p, ERR_TOKEN_EXPIRED, "exp", NULL);
    }
    if (t->expires_ms > now_ms + c->token_lifetime_max_ms + c->token_leeway_ms) {
        return token_refuse(p, "exp", "lies further ahead than token.lifetime_max allows");
    }
    return ERR_OK;
}

static enum err check_dates(const struct config *c, struct json_object *object, int64_t now_ms,
    struct token *t, struct problem *p)
{
    int64_t not_before_ms = 0;
    enum err err;

    if ((err = read_date(object, "exp", &t->expires_ms, p)) ||
        (err = read_date(object, "nbf", &not_before_ms, p)) ||
        (err = read_date(object, "iat", &t->issued_ms, p)) ||
        (err = check_expiry(c, t, now_ms, p))) {
        return err;
    }
    if (not_before_ms > now_ms + c->token_leeway_ms) {
        return token_refuse(p, "nbf", "lies ahead: it is not valid yet");
    }
    if (t->issued_ms > now_ms + c->token_leeway_ms) {
        return token_refuse(
            p, "iat", "lies ahead: the clocks of its maker and of this node differ");
    }
    return ERR_OK;
}

static enum err check_issuer(const struct config *c, struct json_object *object, struct problem *p)
{
    struct slice issuer = {NULL, 0};

    enum err err = token_read_text(object, "iss", &issuer, p);
    if (err || !*c->token_issuer) {
        return err;
    }
    return issuer.at && slice_equal(issuer, c->token_issuer)
               ? ERR_OK
               : token_refuse(p, "iss", "is not token.issuer");
}

static bool is_text(struct json_object *value, const char *text)
{
    return json_object_is_type(value, json_type_string) &&
           slice_equal((struct slice){json_object_get_string(value),
                           (size_t)json_object_get_string_len(value)},
               text);
}

/* A string or an array of strings: RFC 7519 4.1.3. */
static bool has_audience(struct json_object *value, const char *wanted)
{
    if (!json_object_is_type(value, json_type_array)) {
        return is_text(value, wanted);
    }
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        if (is_text(json_object_array_get_idx(value, i), wanted)) {
            return true;
        }
    }
    return false;
}

static enum err check_audience(
    const struct config *c, struct json_object *object, struct problem *p)
{
    struct json_object *value = NULL;
    bool is_there = json_object_object_get_ex(object, "aud", &value);

    if (!*c->token_audience) {
        return is_there
                   ? token_refuse(p, "aud", "is for somebody: set token.audience to who that is")
                   : ERR_OK;
    }
    return is_there && has_audience(value, c->token_audience)
               ? ERR_OK
               : token_refuse(p, "aud", "does not have token.audience");
}

/* A part of an address, or an id that is like one. */
static enum err read_part(
    struct json_object *object, const char *name, char *out, struct problem *p)
{
    struct slice text = {NULL, 0};

    enum err err = token_read_text(object, name, &text, p);
    if (err || !text.at) {
        return err;
    }
    err = address_copy_part(text, name, out, NULL);
    return err ? token_refuse_as(err, p, name, "is empty, too long or has a forbidden character")
               : ERR_OK;
}

/* As other names of the user's own making, ids of tokens may have : and /. */
static enum err read_id(struct json_object *object, char *out, struct problem *p)
{
    struct slice text = {NULL, 0};

    enum err err = token_read_text(object, "jti", &text, p);
    if (err || !text.at) {
        return err;
    }
    if (address_check_message_id(text, "jti", NULL) != ERR_OK) {
        return token_refuse(p, "jti", "is empty, too long or has a forbidden character");
    }
    memcpy(out, text.at, text.len);
    out[text.len] = '\0';
    return ERR_OK;
}

static bool add_topic(struct json_object *pattern, struct buf *out)
{
    struct slice text = {
        json_object_get_string(pattern), (size_t)json_object_get_string_len(pattern)};

    if (!json_object_is_type(pattern, json_type_string) || text.len == 0 ||
        text.len > ADDRESS_PART_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        if (byte <= ' ' || byte == 0x7f) {
            return false;
        }
    }
    buf_add(out, text.at, text.len);
    buf_add_char(out, '\n');
    return true;
}

enum err token_read_topics(struct json_object *object, struct token *t, struct problem *p)
{
    struct json_object *list = NULL;
    struct buf topics;

    if (json_get_array(FIELD("topics"), &list, NULL)) {
        return token_refuse(p, "topics", "is not an array");
    }
    t->has_topics = list != NULL;
    size_t count = list ? json_object_array_length(list) : 0;
    buf_init(&topics, sizeof(t->topics) - 1);
    bool are_good = count <= TOPICS_MAX;
    for (size_t i = 0; are_good && i < count; i++) {
        are_good = add_topic(json_object_array_get_idx(list, i), &topics);
    }
    are_good = are_good && buf_err(&topics) == ERR_OK;
    if (are_good) {
        memcpy(t->topics, buf_str(&topics), topics.len + 1);
    }
    buf_finish(&topics);
    return are_good ? ERR_OK
                    : token_refuse(p, "topics", "has too many patterns, or one that cannot be one");
}

enum err token_read_claims(const struct config *c, struct json_object *object, int64_t now_ms,
    struct token *t, struct problem *p)
{
    enum err err;

    if ((err = check_issuer(c, object, p)) || (err = check_audience(c, object, p)) ||
        (err = check_dates(c, object, now_ms, t, p)) ||
        (err = read_part(object, "sub", t->user_id, p)) ||
        (err = read_part(object, "serverClient", t->server_client, p)) ||
        (err = read_part(object, "page", t->page, p)) || (err = read_id(object, t->id, p)) ||
        (err = token_read_topics(object, t, p))) {
        return err;
    }
    return *t->user_id ? ERR_OK : token_refuse(p, "sub", "is missing");
}
