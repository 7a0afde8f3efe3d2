/*
 * Reads the keys and refuses those that could not verify anything, or not safely. libjwt takes a
 * key as bytes and looks at it for each token, so what is wrong with one must be found here.
 */
#include "shared/token_keys.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/file.h"

/* A PEM file with an RSA key of 16,384 bits has 3 kB. */
#define KEY_BYTES_MAX 16384
static const char file_scheme[] = "file:";

static enum err bad_key(struct problem *p, const struct token_key *key, const char *what)
{
    return problem_set(p, ERR_BAD_VALUE, "token.keys", "key \"%s\": %s", key->id, what);
}

static enum err read_file(const char *path, struct token_key *key, struct problem *p)
{
    struct problem why;
    enum err err = file_read_bytes(path, &key->bytes, "", &why);

    return err == ERR_BAD_VALUE ? bad_key(p, key, why.msg) : err;
}

static enum err read_source(struct slice source, struct token_key *key, struct problem *p)
{
    size_t scheme_len = strlen(file_scheme);
    char path[4096];

    if (source.len <= scheme_len || strncmp(source.at, file_scheme, scheme_len) != 0) {
        buf_add(&key->bytes, source.at, source.len);
        return buf_err(&key->bytes);
    }
    if (source.len - scheme_len >= sizeof(path)) {
        return bad_key(p, key, "the path is too long");
    }
    (void)snprintf(
        path, sizeof(path), "%.*s", (int)(source.len - scheme_len), source.at + scheme_len);
    enum err err = read_file(path, key, p);
    if (!err && key->bytes.len > 0 && key->bytes.bytes[key->bytes.len - 1] == '\n') {
        key->bytes.len--;
    }
    return err;
}

static enum err check_rsa(EVP_PKEY *pkey, const struct token_key *key, struct problem *p)
{
    if (EVP_PKEY_base_id(pkey) != EVP_PKEY_RSA) {
        return bad_key(p, key, "is no RSA key, as RS256 needs one");
    }
    return EVP_PKEY_bits(pkey) < TOKEN_RSA_BITS_MIN
               ? bad_key(p, key, "the RSA key has fewer than 2048 bits")
               : ERR_OK;
}

static enum err check_ec(EVP_PKEY *pkey, const struct token_key *key, struct problem *p)
{
    char curve[32] = "";

    if (EVP_PKEY_base_id(pkey) == EVP_PKEY_EC) {
        (void)EVP_PKEY_get_group_name(pkey, curve, sizeof(curve), NULL); /* else it stays empty */
    }
    return strcmp(curve, SN_X9_62_prime256v1) == 0
               ? ERR_OK
               : bad_key(p, key, "is no key of the curve P-256, as ES256 needs one");
}

static enum err check_public_key(
    const struct token_key *key, enum token_algorithm algorithm, struct problem *p)
{
    if (strstr(buf_str(&key->bytes), "PRIVATE KEY")) {
        return bad_key(p, key, "is a private key; nodes need the public one and nothing else");
    }
    BIO *bio = BIO_new_mem_buf(buf_str(&key->bytes), (int)key->bytes.len);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    enum err err;

    if (!pkey) {
        err = bad_key(p, key, "is no public key in PEM (-----BEGIN PUBLIC KEY-----)");
    } else if (algorithm == TOKEN_RS256) {
        err = check_rsa(pkey, key, p);
    } else {
        err = check_ec(pkey, key, p);
    }
    EVP_PKEY_free(pkey);
    BIO_free(bio);
    return err;
}

static enum err check_key(
    const struct token_key *key, enum token_algorithm algorithm, struct problem *p)
{
    if (algorithm != TOKEN_HS256) {
        return check_public_key(key, algorithm, p);
    }
    if (strstr(buf_str(&key->bytes), "-----BEGIN ")) {
        return bad_key(p, key, "is in PEM; HS256 needs a secret of both sides");
    }
    return key->bytes.len < TOKEN_SECRET_BYTES_MIN
               ? bad_key(p, key, "the secret has fewer than 32 bytes")
               : ERR_OK;
}

static enum err read_key(
    struct slice word, enum token_algorithm algorithm, struct token_key *key, struct problem *p)
{
    const char *colon = memchr(word.at, ':', word.len);

    if (!colon) {
        /* It may be a secret that lacks its id, so it is not shown. */
        return problem_set(
            p, ERR_BAD_VALUE, "token.keys", "a key is not of the form id:file:/path or id:secret");
    }
    size_t id_len = (size_t)(colon - word.at);
    if (id_len == 0 || id_len >= sizeof(key->id)) {
        return problem_set(p, ERR_BAD_VALUE, "token.keys",
            "an id is empty or longer than %d characters", TOKEN_KEY_ID_BYTES - 1);
    }
    memcpy(key->id, word.at, id_len);
    enum err err = read_source((struct slice){colon + 1, word.len - id_len - 1}, key, p);
    if (err == ERR_NO_MEMORY) {
        return problem_set(p, err, "", NULL);
    }
    return err ? err : check_key(key, algorithm, p);
}

/* Adds a key to the room that is there for it. */
static enum err add_key(struct token_keys *keys, struct slice word, struct problem *p)
{
    struct token_key *key =
        &keys->keys[keys->count++]; /* finished with the others, whatever comes */

    buf_init(&key->bytes, KEY_BYTES_MAX);
    enum err err = read_key(word, keys->algorithm, key, p);
    if (err) {
        return err;
    }
    for (size_t i = 0; i + 1 < keys->count; i++) {
        if (strcmp(keys->keys[i].id, key->id) == 0) {
            return bad_key(p, key, "the id stands twice");
        }
    }
    return ERR_OK;
}

static enum err add_keys(struct token_keys *keys, const char *text, struct problem *p)
{
    enum err err = ERR_OK;

    while (!err && *(text += strspn(text, " "))) {
        struct slice word = {text, strcspn(text, " ")};

        err = add_key(keys, word, p);
        text += word.len;
    }
    if (!err && keys->count == 0) {
        return problem_set(p, ERR_BAD_VALUE, "token.keys",
            "must have a key, as node.auth is token; to let anyone connect as any user, write "
            "node.auth = none");
    }
    return err;
}

enum err token_keys_load(
    struct token_keys *out, enum token_algorithm algorithm, const char *text, struct problem *p)
{
    struct token_keys keys = {.algorithm = algorithm};

    keys.keys = calloc(strlen(text) / 2 + 1, sizeof(*keys.keys)); /* more than the words that fit */
    if (!keys.keys) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    enum err err = add_keys(&keys, text, p);
    if (err) {
        token_keys_finish(&keys);
        return err;
    }
    *out = keys;
    return ERR_OK;
}

void token_keys_finish(struct token_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        struct buf *bytes = &keys->keys[i].bytes;

        if (bytes->bytes) {
            OPENSSL_cleanse(bytes->bytes, bytes->cap);
        }
        buf_finish(bytes);
    }
    free(keys->keys);
}

const struct token_key *token_keys_find(const struct token_keys *keys, struct slice id)
{
    if (!id.at) {
        return keys->count == 1 ? &keys->keys[0] : NULL;
    }
    for (size_t i = 0; i < keys->count; i++) {
        if (slice_equal(id, keys->keys[i].id)) {
            return &keys->keys[i];
        }
    }
    return NULL;
}
