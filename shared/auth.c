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

/* Takes what stands before the first `at` off rest, or everything where there is none: false. */
static bool cut(struct slice *rest, char at, struct slice *part)
{
    const char *found = memchr(rest->at, at, rest->len);

    *part = *rest;
    if (!found) {
        *rest = (struct slice){rest->at + rest->len, 0};
        return false;
    }
    part->len = (size_t)(found - part->at);
    *rest = (struct slice){found + 1, rest->len - part->len - 1};
    return true;
}

static enum err bad_key(struct problem *p, const struct auth_key *key, const char *what)
{
    return problem_set(p, ERR_BAD_VALUE, "send.api_keys", "key \"%s\": %s", key->name, what);
}

static enum err add_scope(struct slice word, struct auth_key *key, struct problem *p)
{
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        if (slice_equal(word, scopes[i].word)) {
            key->scopes |= scopes[i].scope;
            return ERR_OK;
        }
    }
    return bad_key(p, key, "a scope is not send, presence or admin");
}

/* scope+scope */
static enum err parse_scopes(struct slice text, struct auth_key *key, struct problem *p)
{
    bool more;

    do {
        struct slice word;
        enum err err;

        more = cut(&text, '+', &word);
        err = add_scope(word, key, p);
        if (err) {
            return err;
        }
    } while (more);
    return ERR_OK;
}

/* name:secret[:scope+scope] */
static enum err parse_key(struct slice text, struct auth_key *key, struct problem *p)
{
    struct slice rest = text;
    struct slice name;
    struct slice secret;
    bool has_secret = cut(&rest, ':', &name);
    bool has_scopes = cut(&rest, ':', &secret);

    if (!has_secret) {
        /* It may be a secret that lacks its name, so it is not shown. */
        return problem_set(p, ERR_BAD_VALUE, "send.api_keys",
            "a key is not of the form name:secret[:scope+scope]");
    }
    if (name.len == 0 || name.len >= sizeof(key->name)) {
        return problem_set(p, ERR_BAD_VALUE, "send.api_keys",
            "a name is empty or longer than %d characters", AUTH_NAME_BYTES - 1);
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
        struct slice word;
        enum err err = ERR_OK;

        cut(&rest, ' ', &word);
        if (word.len > 0) {
            err = add_key(&keys, word, p);
        }
        if (err) {
            auth_keys_finish(&keys);
            return err;
        }
    }
    if (keys.count == 0 && !anonymous) {
        auth_keys_finish(&keys);
        return problem_set(p, ERR_BAD_VALUE, "send.api_keys",
            "must have a key; to serve callers without one, write send.allow_anonymous = yes");
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
