/*
 * Compares what callers show with the keys and with the cluster secret. auth_keys.c reads the keys.
 */
#include "shared/auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "shared/http_text.h"

static const struct auth_key anonymous = {.name = "anonymous", .scopes = AUTH_ALL};

enum err auth_digest(struct slice secret, unsigned char out[AUTH_DIGEST_BYTES])
{
    return EVP_Digest(secret.at, secret.len, out, NULL, EVP_sha256(), NULL) ? ERR_OK
                                                                            : ERR_NO_MEMORY;
}

static struct slice bearer_of(const char *authorization)
{
    return authorization ? http_text_bearer(slice_of(authorization)) : (struct slice){NULL, 0};
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
    enum auth_scope scope, const struct auth_key **key)
{
    struct slice token = api_key ? slice_of(api_key) : bearer_of(authorization);
    unsigned char shown[AUTH_DIGEST_BYTES];

    if (!token.at) {
        if (!keys->anonymous) {
            return ERR_NO_TOKEN;
        }
        *key = &anonymous;
        return ERR_OK;
    }
    if (auth_digest(token, shown)) {
        return ERR_NO_MEMORY;
    }
    const struct auth_key *found = find_key(keys, shown);
    if (!found) {
        return ERR_BAD_TOKEN;
    }
    if (!(found->scopes & scope)) {
        return ERR_FORBIDDEN;
    }
    *key = found;
    return ERR_OK;
}

bool auth_key_reaches(const struct auth_key *key, struct slice server_client)
{
    const char *at = key->server_clients;

    while (at) {
        size_t len = strcspn(at, "+");

        if (len == server_client.len && memcmp(at, server_client.at, len) == 0) {
            return true;
        }
        at = at[len] ? at + len + 1 : NULL;
    }
    return !key->server_clients;
}

enum err auth_check_reach(const struct auth_key *key, const char *server_client, struct problem *p)
{
    if (auth_key_reaches(key, slice_of(server_client))) {
        return ERR_OK;
    }
    return problem_set(p, ERR_FORBIDDEN, "serverClient",
        "this API key is for a serverClient of %s only, which must be named", key->server_clients);
}

/* Both are looked at, whichever fits, so that the time does not tell which one it was. */
enum err auth_check_secret(const char *secret, const char *also, const char *authorization)
{
    struct slice token = bearer_of(authorization);
    unsigned char shown[AUTH_DIGEST_BYTES];
    unsigned char expected[AUTH_DIGEST_BYTES];
    unsigned char other[AUTH_DIGEST_BYTES];

    if (!token.at) {
        return ERR_NO_TOKEN;
    }
    if (auth_digest(token, shown) || auth_digest(slice_of(secret), expected) ||
        auth_digest(slice_of(also), other)) {
        return ERR_NO_MEMORY;
    }
    bool is_secret = CRYPTO_memcmp(expected, shown, sizeof(shown)) == 0;
    bool is_also = CRYPTO_memcmp(other, shown, sizeof(shown)) == 0 && also[0];
    return is_secret || is_also ? ERR_OK : ERR_BAD_TOKEN;
}
