/*
 * Who calls: API keys of backends, and the cluster secret between our own programs. Secrets are
 * compared in constant time (CRYPTO_memcmp over SHA-256 digests, so that lengths don't show
 * either).
 */
#ifndef SHARED_AUTH_H
#define SHARED_AUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/buf.h"

enum auth_scope { AUTH_SEND = 1, AUTH_PRESENCE = 2, AUTH_ADMIN = 4, AUTH_ALL = 7 };

#define AUTH_NAME_BYTES 65
#define AUTH_DIGEST_BYTES 32
#define AUTH_SECRET_BYTES_MIN 16

struct auth_key {
    char name[AUTH_NAME_BYTES];
    unsigned char digest[AUTH_DIGEST_BYTES];
    unsigned scopes; /* of enum auth_scope, or-ed */
};
struct auth_keys {
    struct auth_key *keys; /* owned */
    size_t count;
    bool anonymous; /* serve callers without a key */
};

/*
 * text: send.api_keys of options.def: name:secret[:scope+scope] separated by spaces. ERR_BAD_VALUE,
 * in words that go behind the option's name, names the key, never the secret: a name twice, no
 * secret, a secret under 16 characters, an unknown scope; no key at all and not anonymous.
 * ERR_NO_MEMORY. auth_keys_finish() is needed after ERR_OK only.
 */
enum err auth_keys_parse(
    struct auth_keys *out, const char *text, bool anonymous, struct problem *p) MUST_CHECK;
void auth_keys_finish(struct auth_keys *keys);

/*
 * authorization: the header's value or NULL ("Bearer …", scheme without regard to case); api_key:
 * X-Api-Key's or NULL, which wins if both are there. *name is borrowed from keys ("anonymous" for
 * none). ERR_NO_TOKEN, ERR_BAD_TOKEN, ERR_FORBIDDEN (scope), ERR_NO_MEMORY.
 */
enum err auth_check(const struct auth_keys *keys, const char *authorization, const char *api_key,
    enum auth_scope scope, const char **name) MUST_CHECK;
/* Bearer <cluster secret>: ERR_NO_TOKEN, ERR_BAD_TOKEN, ERR_NO_MEMORY. */
enum err auth_check_secret(const char *secret, const char *authorization) MUST_CHECK;

#endif
