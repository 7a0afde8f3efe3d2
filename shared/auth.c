/*
 * Parses send.api_keys and compares what callers show with it. Only digests are kept.
 */
#include "shared/auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *word;
    enum auth_scope scope;
} scopes[] = {{"send", AUTH_SEND}, {"presence", AUTH_PRESENCE}, {"admin", AUTH_ADMIN}};

static enum err digest(struct slice secret, unsigned char out[AUTH_DIGEST_BYTES])
{
    return EVP_Digest(secret.at, secret.len, out, NULL, EVP_sha256(), NULL) ? ERR_OK
                                                                            : ERR_NO_MEMORY;
}

/* Cuts off and returns what stands before the first `at`, or everything where there is none. */
static struct slice cut(struct slice *rest, char at)
{
    const char *found = memchr(rest->at, at, rest->len);
    struct slice part = {rest->at, found ? (size_t)(found - rest->at) : rest->len};
    size_t used = found ? part.len + 1 : part.len;

    *rest = (struct slice){rest->at + used, rest->len - used};
    return part;
}

static enum err bad_key(struct problem *p, const struct auth_key *key, const char *what)
{
    return problem_set(
        p, ERR_BAD_VALUE, "send.api_keys", "send.api_keys: key \"%s\": %s", key->name, what);
}

/* scope+scope */
static enum err parse_scopes(struct slice text, struct auth_key *key, struct problem *p)
{
    do {
        struct slice word = cut(&text, '+');
        size_t i = 0;

        while (i < sizeof(scopes) / sizeof(scopes[0]) && !slice_equal(word, scopes[i].word)) {
            i++;
        }
        if (i == sizeof(scopes) / sizeof(scopes[0])) {
            return bad_key(p, key, "a scope is not send, presence or admin");
        }
        key->scopes |= scopes[i].scope;
    } while (text.len > 0);
    return ERR_OK;
}

/* name:secret[:scope+scope] */
static enum err parse_key(struct slice text, struct auth_key *key, struct problem *p)
{
    struct slice rest = text;
    struct slice name = cut(&rest, ':');
    struct slice secret = cut(&rest, ':');
    bool has_scopes = secret.at + secret.len < text.at + text.len;

    if (name.len == 0 || name.len >= sizeof(key->name)) {
        return problem_set(p, ERR_BAD_VALUE, "send.api_keys",
            "send.api_keys: a name is empty or longer than %d characters", AUTH_NAME_BYTES - 1);
    }
    if (name.len == text.len) {
        /* It may be a secret that lacks its name, so it is not shown. */
        return problem_set(p, ERR_BAD_VALUE, "send.api_keys",
            "send.api_keys: a key is not of the form name:secret[:scope+scope]");
    }
    memcpy(key->name, name.at, name.len);
    if (secret.len < AUTH_SECRET_BYTES_MIN) {
        return bad_key(p, key, "the secret has fewer than 16 characters");
    }
    if (digest(secret, key->digest)) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    if (has_scopes) {
        return parse_scopes(rest, key, p);
    }
    key->scopes = AUTH_ALL;
    return ERR_OK;
}

static bool has_name(const struct auth_keys *keys, const char *name)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->keys[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Adds a key to the room that is there for it. */
static enum err add_key(struct auth_keys *keys, struct slice text, struct problem *p)
{
    struct auth_key key = {0};
    enum err err = parse_key(text, &key, p);

    if (err) {
        return err;
    }
    if (has_name(keys, key.name)) {
        return bad_key(p, &key, "the name stands twice");
    }
    keys->keys[keys->count++] = key;
    return ERR_OK;
}

enum err auth_keys_parse(struct auth_keys *out, const char *text, bool anonymous, struct problem *p)
{
    struct slice rest = slice_of(text);
    struct auth_keys keys = {.anonymous = anonymous};

    keys.keys = calloc(rest.len / 2 + 1, sizeof(*keys.keys)); /* more than the words that fit */
    if (!keys.keys) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    while (rest.len > 0) {
        struct slice word = cut(&rest, ' ');
        enum err err = word.len > 0 ? add_key(&keys, word, p) : ERR_OK;

        if (err) {
            auth_keys_finish(&keys);
            return err;
        }
    }
    if (keys.count == 0 && !anonymous) {
        auth_keys_finish(&keys);
        return problem_set(p, ERR_BAD_VALUE, "send.api_keys",
            "send.api_keys is empty; to serve callers without a key, write send.allow_anonymous = "
            "yes");
    }
    *out = keys;
    return ERR_OK;
}

void auth_keys_finish(struct auth_keys *keys)
{
    free(keys->keys);
}

/* What follows "Bearer " (RFC 6750 2.1; the case of the scheme does not count, RFC 9110 11.1); at
 * == NULL for anything else. */
static struct slice bearer_of(const char *authorization)
{
    static const char scheme[] = "Bearer ";
    struct slice token = {NULL, 0};

    if (!authorization || strncasecmp(authorization, scheme, strlen(scheme)) != 0) {
        return token;
    }
    token = slice_of(authorization + strlen(scheme));
    while (token.len > 0 && token.at[0] == ' ') {
        token = (struct slice){token.at + 1, token.len - 1};
    }
    return token;
}

/* Looks at all keys, whichever fits, so that the time does not tell which one it was. */
static const struct auth_key *find_key(
    const struct auth_keys *keys, const unsigned char shown[AUTH_DIGEST_BYTES])
{
    const struct auth_key *found = NULL;

    for (size_t i = 0; i < keys->count; i++) {
        if (CRYPTO_memcmp(keys->keys[i].digest, shown, AUTH_DIGEST_BYTES) == 0) {
            found = &keys->keys[i];
        }
    }
    return found;
}

enum err auth_check(const struct auth_keys *keys, const char *authorization, const char *api_key,
    enum auth_scope scope, const char **name)
{
    struct slice token = api_key ? slice_of(api_key) : bearer_of(authorization);
    unsigned char shown[AUTH_DIGEST_BYTES];
    const struct auth_key *key;

    if (!token.at) {
        if (!keys->anonymous) {
            return ERR_NO_TOKEN;
        }
        *name = "anonymous";
        return ERR_OK;
    }
    if (digest(token, shown)) {
        return ERR_NO_MEMORY;
    }
    key = find_key(keys, shown);
    if (!key) {
        return ERR_BAD_TOKEN;
    }
    if (!(key->scopes & scope)) {
        return ERR_FORBIDDEN;
    }
    *name = key->name;
    return ERR_OK;
}

enum err auth_check_secret(const char *secret, const char *authorization)
{
    struct slice token = bearer_of(authorization);
    unsigned char shown[AUTH_DIGEST_BYTES];
    unsigned char expected[AUTH_DIGEST_BYTES];

    if (!token.at) {
        return ERR_NO_TOKEN;
    }
    if (digest(token, shown) || digest(slice_of(secret), expected)) {
        return ERR_NO_MEMORY;
    }
    return CRYPTO_memcmp(expected, shown, sizeof(shown)) == 0 ? ERR_OK : ERR_BAD_TOKEN;
}
