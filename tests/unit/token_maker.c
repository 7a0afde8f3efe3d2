#include "tests/unit/token_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#define TOKEN_BYTES 16384
#define KEYS_MAX 8
#define KEY_BYTES 4096

static char *next_place(void)
{
    static char places[4][TOKEN_BYTES];
    static unsigned next;

    return places[next++ % 4];
}

static size_t add_base64url(char *out, const void *bytes, size_t len)
{
    unsigned char text[TOKEN_BYTES];
    int text_len = EVP_EncodeBlock(text, bytes, (int)len);

    while (text_len > 0 && text[text_len - 1] == '=') {
        text_len--;
    }
    for (int i = 0; i < text_len; i++) {
        out[i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
    }
    out[text_len] = '\0';
    return (size_t)text_len;
}

const char *token_unsigned(const char *header, const char *claims)
{
    char *out = next_place();
    size_t len = add_base64url(out, header, strlen(header));

    out[len++] = '.';
    len += add_base64url(out + len, claims, strlen(claims));
    out[len++] = '.';
    out[len] = '\0';
    return out;
}

const char *token_of(const char *header, const char *claims, const char *secret)
{
    char *out = next_place();
    unsigned char mac[32];
    unsigned mac_len = sizeof(mac);

    strcpy(out, token_unsigned(header, claims));
    size_t len = strlen(out);
    assert_non_null(HMAC(
        EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)out, len - 1, mac, &mac_len));
    (void)add_base64url(out + len, mac, mac_len);
    return out;
}

const char *token_signed(jwt_alg_t alg, const char *pem, const char *kid, const char *claims)
{
    char *out = next_place();
    jwt_t *jwt;

    assert_int_equal(jwt_new(&jwt), 0);
    assert_int_equal(jwt_add_grants_json(jwt, claims), 0);
    if (kid) {
        assert_int_equal(jwt_add_header(jwt, "kid", kid), 0);
    }
    assert_int_equal(jwt_set_alg(jwt, alg, (const unsigned char *)pem, (int)strlen(pem)), 0);
    char *text = jwt_encode_str(jwt);
    assert_non_null(text);
    strcpy(out, text);
    free(text);
    jwt_free(jwt);
    return out;
}

static const char *keep_key(EVP_PKEY *key, const char *public_path)
{
    static char keys[KEYS_MAX][KEY_BYTES];
    static int key_count;
    char *pem = NULL;
    BIO *bio = BIO_new(BIO_s_mem());

    assert_in_range(key_count, 0, KEYS_MAX - 1);
    assert_non_null(key);
    assert_true(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
    size_t len = (size_t)BIO_get_mem_data(bio, &pem);
    assert_in_range(len, 1, KEY_BYTES - 1);
    memcpy(keys[key_count], pem, len);
    BIO_free(bio);
    FILE *file = fopen(public_path, "w");
    assert_non_null(file);
    assert_true(PEM_write_PUBKEY(file, key));
    fclose(file);
    EVP_PKEY_free(key);
    return keys[key_count++];
}

const char *make_rsa_key(unsigned bits, const char *public_path)
{
    return keep_key(EVP_RSA_gen(bits), public_path);
}

const char *make_ec_key(const char *curve, const char *public_path)
{
    return keep_key(EVP_EC_gen(curve), public_path);
}
