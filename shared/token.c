/*
 * Verifies a token: form, header, signature, claims, in this order. The signature is libjwt's
 * affair. Header and claims are read here, from the very bytes that were signed: libjwt would take
 * the algorithm from the token, and JSON with doubled names. It sees a token only after our own
 * JSON reader took both.
 */
#include "shared/token.h"

#include <jwt.h>
#include <string.h>
#include <strings.h>

#include "shared/base64url.h"
#include "shared/json.h"
#include "shared/token_claims.h"

static const struct {
    const char *name;
    jwt_alg_t alg;
} algorithms[] = {
    [TOKEN_HS256] = {"HS256", JWT_ALG_HS256},
    [TOKEN_RS256] = {"RS256", JWT_ALG_RS256},
    [TOKEN_ES256] = {"ES256", JWT_ALG_ES256},
};

enum err token_verifier_init(
    struct token_verifier *v, const struct config *config, struct problem *p)
{
    enum token_algorithm algorithm = (enum token_algorithm)config->token_algorithm;
    struct token_keys keys;

    enum err err = token_keys_load(&keys, algorithm, config->token_keys, p);
    if (!err) {
        *v = (struct token_verifier){.config = config, .keys = keys};
    }
    return err;
}

void token_verifier_finish(struct token_verifier *v)
{
    token_keys_finish(&v->keys);
}

/* One of the parts: base64url of a JSON object. The caller owns *out. */
static enum err decode_object(
    struct slice part, const char *what, struct json_object **out, struct problem *p)
{
    struct buf json;

    buf_init(&json, TOKEN_BYTES_MAX);
    enum err err = base64url_decode(part, &json);
    if (!err) {
        err = buf_err(&json);
    }
    if (!err) {
        err = json_parse_object((struct slice){buf_str(&json), json.len}, out, NULL);
    }
    buf_finish(&json);
    return err ? token_refuse_as(err, p, "", what) : ERR_OK;
}

static enum err check_header(const struct token_verifier *v, struct json_object *object,
    const struct token_key **key, struct problem *p)
{
    struct slice alg = {NULL, 0};
    struct slice typ = slice_of("JWT");
    struct slice kid = {NULL, 0};
    enum err err;

    if ((err = token_read_text(object, "alg", &alg, p)) ||
        (err = token_read_text(object, "typ", &typ, p)) ||
        (err = token_read_text(object, "kid", &kid, p))) {
        return err;
    }
    if (!alg.at || !slice_equal(alg, algorithms[v->keys.algorithm].name)) {
        return token_refuse(p, "alg", "is not the configured algorithm");
    }
    if (json_object_object_get_ex(object, "crit", NULL)) {
        return token_refuse(
            p, "crit", "asks for extensions, and none is known"); /* RFC 7515 4.1.11 */
    }
    if (typ.len != strlen("JWT") || strncasecmp(typ.at, "JWT", typ.len) != 0) {
        return token_refuse(p, "typ", "is not JWT"); /* libjwt refuses it without a reason */
    }
    *key = token_keys_find(&v->keys, kid);
    if (!*key) {
        return token_refuse(p, "kid",
            kid.at ? "names no configured key" : "is missing, and there are several keys");
    }
    return ERR_OK;
}

static enum err check_signature(const struct token_verifier *v, struct slice text,
    const struct token_key *key, struct problem *p)
{
    char terminated[TOKEN_BYTES_MAX + 1];
    jwt_t *jwt = NULL;

    memcpy(terminated, text.at, text.len);
    terminated[text.len] = '\0';
    int error = jwt_decode(
        &jwt, terminated, (const unsigned char *)buf_str(&key->bytes), (int)key->bytes.len);
    bool is_good = !error && jwt_get_alg(jwt) == algorithms[v->keys.algorithm].alg;
    jwt_free(jwt);
    return is_good ? ERR_OK : token_refuse(p, "", "its signature is wrong");
}

static enum err check_signed(const struct token_verifier *v, struct slice text,
    struct json_object *header, struct problem *p)
{
    const struct token_key *key = NULL;

    enum err err = check_header(v, header, &key, p);
    return key ? check_signature(v, text, key, p) : err;
}

/* Three parts between two dots. */
static bool split(struct slice text, struct slice parts[static 3])
{
    for (int i = 0; i < 3; i++) {
        const char *dot = memchr(text.at, '.', text.len);
        if (!dot != (i == 2)) {
            return false;
        }
        parts[i] = (struct slice){text.at, dot ? (size_t)(dot - text.at) : text.len};
        if (parts[i].len == 0) {
            return false;
        }
        text = dot ? (struct slice){dot + 1, text.len - parts[i].len - 1} : text;
    }
    return true;
}

static bool is_base64url(struct slice text)
{
    struct buf ignored;

    buf_init(&ignored, TOKEN_BYTES_MAX);
    bool is_good = base64url_decode(text, &ignored) == ERR_OK;
    buf_finish(&ignored);
    return is_good;
}

enum err token_verify(const struct token_verifier *v, struct slice text, int64_t now_ms,
    struct token *out, struct problem *p)
{
    struct slice parts[3];
    struct json_object *header = NULL;
    struct json_object *claims = NULL;
    struct token t = {.expires_ms = 0};
    enum err err;

    if (text.len > TOKEN_BYTES_MAX) {
        return token_refuse(p, "", "it is too long");
    }
    if (!split(text, parts) || !is_base64url(parts[2])) {
        return token_refuse(p, "", "it is not three parts of base64url between dots");
    }
    if ((err = decode_object(parts[0], "its header is no JSON object", &header, p)) ||
        (err = decode_object(parts[1], "its claims are no JSON object", &claims, p)) ||
        (err = check_signed(v, text, header, p)) ||
        (err = token_read_claims(v->config, claims, now_ms, &t, p))) {
        goto out;
    }
    *out = t;
out:
    json_object_put(header);
    json_object_put(claims);
    return err;
}

enum err token_check_address(
    const struct token *t, const struct address *address, struct problem *p)
{
    struct {
        const char *claim;
        const char *limit;
        const char *actual;
    } parts[] = {{"sub", t->user_id, address->user_id},
        {"serverClient", t->server_client, address->server_client},
        {"page", t->page, address->page}};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (*parts[i].limit && strcmp(parts[i].limit, parts[i].actual) != 0) {
            return problem_set(p, ERR_TOKEN_ELSEWHERE, parts[i].claim, NULL);
        }
    }
    return ERR_OK;
}
