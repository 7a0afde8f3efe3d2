/*
 * Tokens: any bytes; and a header and claims, a line each, with a signature that is good, so that
 * what comes behind it is reached.
 */
#include "shared/token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "tests/fuzz/fuzz.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW_MS 1700000000000

static const struct config config = {.token_algorithm = TOKEN_HS256,
    .token_keys = "k1:" SECRET,
    .token_issuer = "",
    .token_audience = "",
    .token_leeway_ms = 5000,
    .token_lifetime_max_ms = 86400000};

static void add_base64url(struct buf *out, const void *bytes, size_t len)
{
    unsigned char text[2 * TOKEN_BYTES_MAX];
    int text_len = EVP_EncodeBlock(text, bytes, (int)len);

    for (int i = 0; i < text_len && text[i] != '='; i++) {
        buf_add_char(out, (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]));
    }
}

static void check(const struct token *t)
{
    assert(address_check_part(slice_of(t->user_id), "", NULL) == ERR_OK);
    assert(t->expires_ms > NOW_MS - 5000 && t->expires_ms <= NOW_MS + 86405000);
    assert(t->issued_ms <= NOW_MS + 5000);
    assert(strlen(t->topics) < TOKEN_TOPICS_BYTES && (t->has_topics || !*t->topics));
}

static void verify(struct slice text)
{
    static struct token_verifier verifier;
    struct token token;
    struct problem p;

    if (!verifier.keys.count) {
        assert(token_verifier_init(&verifier, &config, NULL) == ERR_OK);
    }
    if (token_verify(&verifier, text, NOW_MS, &token, &p) == ERR_OK) {
        check(&token);
    }
}

void fuzz(struct slice input)
{
    const char *line = memchr(input.at, '\n', input.len);
    unsigned char mac[32];
    unsigned mac_len = sizeof(mac);
    struct buf text;

    verify(input);
    if (!line || input.len > TOKEN_BYTES_MAX) {
        return;
    }
    buf_init(&text, (size_t)4 * TOKEN_BYTES_MAX);
    add_base64url(&text, input.at, (size_t)(line - input.at));
    buf_add_char(&text, '.');
    add_base64url(&text, line + 1, input.len - (size_t)(line + 1 - input.at));
    assert(HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET), (const unsigned char *)buf_str(&text),
        text.len, mac, &mac_len));
    buf_add_char(&text, '.');
    add_base64url(&text, mac, mac_len);
    verify(fuzz_bytes(&text));
    buf_finish(&text);
}
