/*
 * The keys that tokens are verified with: token.keys, read, checked and kept. Each has an id, which
 * tokens name as `kid`, so that keys can be rotated: the new one is added, then tokens are made
 * with it, then the old one goes.
 */
#ifndef SHARED_TOKEN_KEYS_H
#define SHARED_TOKEN_KEYS_H

#include "shared/buf.h"

/* The places of the words of token.algorithm. (EdDSA is not in libjwt before 2.0.) */
enum token_algorithm { TOKEN_HS256, TOKEN_RS256, TOKEN_ES256 };

#define TOKEN_KEY_ID_BYTES 65
/* A secret must not be easier to guess than the signature: RFC 7518 3.2. */
#define TOKEN_SECRET_BYTES_MIN 32
/* RFC 7518 3.3. */
#define TOKEN_RSA_BITS_MIN 2048

struct token_key {
    char id[TOKEN_KEY_ID_BYTES];
    struct buf bytes; /* owned: the secret, or the public key as PEM */
};
struct token_keys {
    enum token_algorithm algorithm;
    struct token_key *keys; /* owned */
    size_t count;           /* at least 1 */
};

/*
 * text: token.keys of options.def: id:source separated by spaces. A source is file:/path, of a
 * public key in PEM or (HS256) of the secret, one line feed at its end not counting; or the secret
 * itself. ERR_BAD_VALUE, in words that go behind the option's name, names the key and the file,
 * never a secret: no key at all, an id twice, a file that cannot be read, a key of another
 * algorithm, a secret under 32 bytes, an RSA key under 2048 bits. ERR_NO_MEMORY.
 * token_keys_finish() is needed after ERR_OK only.
 */
enum err token_keys_load(struct token_keys *out, enum token_algorithm algorithm, const char *text,
    struct problem *p) MUST_CHECK;
void token_keys_finish(struct token_keys *keys); /* wipes them */

/* id.at == NULL: the token names none; then there is only an answer if there is only one key.
 * Borrowed; NULL: none fits. */
const struct token_key *token_keys_find(const struct token_keys *keys, struct slice id);

#endif
