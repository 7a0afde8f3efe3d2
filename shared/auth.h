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
    unsigned scopes;      /* of enum auth_scope, or-ed */
    char *server_clients; /* owned; "pc+app": the only ones it may reach; NULL: all */
};
struct auth_keys {
    struct auth_key *keys; /* owned */
    size_t count;
    bool anonymous; /* serve callers without a key */
};
struct auth_source {
    const char *text; /* keys, separated by spaces: send.api_keys */
    const char *path; /* of a file with one key a line, # before comments; "": none */
    bool anonymous;
};

/*
 * A key is name:secret[:scope+scope[:serverClient+serverClient]], and the secret itself or
 * sha256:<its 64 hex digits>. ERR_BAD_VALUE, in words that go behind the option's name (p->field:
 * send.api_keys or send.api_keys_file), names the key and the file's line, never the secret: a name
 * or a secret twice, no secret, one under 16 characters, a bad hash, an unknown scope, a bad
 * serverClient, a file that cannot be read; no key at all and not anonymous. ERR_NO_MEMORY.
 * auth_keys_finish() is needed after ERR_OK only.
 */
enum err auth_keys_load(
    struct auth_keys *out, const struct auth_source *from, struct problem *p) MUST_CHECK;
void auth_keys_finish(struct auth_keys *keys);

/*
 * authorization: the header's value or NULL ("Bearer …", scheme without regard to case); api_key:
 * X-Api-Key's or NULL, which wins if both are there. *key is borrowed from keys, or static (named
 * "anonymous"). ERR_NO_TOKEN, ERR_BAD_TOKEN, ERR_FORBIDDEN (scope), ERR_NO_MEMORY.
 */
enum err auth_check(const struct auth_keys *keys, const char *authorization, const char *api_key,
    enum auth_scope scope, const struct auth_key **key) MUST_CHECK;

/* May the key reach this serverClient? A part is compared as a whole. */
bool auth_key_reaches(const struct auth_key *key, struct slice server_client);
/* As a step of a call: "", which means all, is for keys that are not limited only. ERR_FORBIDDEN
 * with p->field "serverClient". */
enum err auth_check_reach(
    const struct auth_key *key, const char *server_client, struct problem *p) MUST_CHECK;

/* Bearer <secret>, or <also> unless that is "": ERR_NO_TOKEN, ERR_BAD_TOKEN, ERR_NO_MEMORY. */
enum err auth_check_secret(
    const char *secret, const char *also, const char *authorization) MUST_CHECK;

/* SHA-256. ERR_NO_MEMORY. */
enum err auth_digest(struct slice secret, unsigned char out[AUTH_DIGEST_BYTES]) MUST_CHECK;

#endif
