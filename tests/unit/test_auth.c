/* Who may call what, and that complaints never show a secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/crypto.h>

#include "shared/auth.h"

#define SECRET "0123456789abcdef"
#define OTHER "fedcba9876543210"
/* printf %s 0123456789abcdef | sha256sum */
#define HASH "sha256:9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f"

static size_t bytes_compared;

/* Comes before libcrypto's own, and counts. */
int CRYPTO_memcmp(const void *a, const void *b, size_t len)
{
    bytes_compared += len;
    return memcmp(a, b, len);
}

static enum err load(struct auth_keys *keys, const char *text, bool anonymous, struct problem *p)
{
    const struct auth_source from = {text, "", anonymous};

    return auth_keys_load(keys, &from, p);
}

static struct auth_keys parse(const char *text, bool anonymous)
{
    struct auth_keys keys;

    assert_int_equal(load(&keys, text, anonymous, NULL), ERR_OK);
    return keys;
}

static void keys_have_names_secrets_and_scopes(void **state)
{
    struct auth_keys keys = parse(" shop:" SECRET ":send+presence  ops:" OTHER " ", false);

    (void)state;
    assert_int_equal(keys.count, 2);
    assert_string_equal(keys.keys[0].name, "shop");
    assert_int_equal(keys.keys[0].scopes, AUTH_SEND | AUTH_PRESENCE);
    assert_string_equal(keys.keys[1].name, "ops");
    assert_int_equal(keys.keys[1].scopes, AUTH_ALL);
    auth_keys_finish(&keys);
}

static void bad_keys_are_named_without_their_secret(void **state)
{
    static const struct {
        const char *text;
        const char *said;
    } bad[] = {
        {"shop", "name:secret"},
        {SECRET, "name:secret"},
        {"shop:", "\"shop\": the secret has fewer than 16"},
        {"shop:0123456789abcde", "\"shop\": the secret has fewer than 16"},
        {":" SECRET, "a name is empty"},
        {"shop:" SECRET ":", "\"shop\": a scope is not"},
        {"shop:" SECRET ":everything", "\"shop\": a scope is not"},
        {"shop:" SECRET ":send+", "\"shop\": a scope is not"},
        {"shop:" SECRET ":send:", "\"shop\": a serverClient is malformed"},
        {"shop:" SECRET ":send:pc+", "\"shop\": a serverClient is malformed"},
        {"shop:" SECRET ":send:pc/x", "\"shop\": a serverClient is malformed"},
        {"shop:" SECRET ":send:pc:home", "\"shop\": a serverClient is malformed"},
        {"shop:" SECRET " shop:" OTHER, "\"shop\": the name stands twice"},
        {"shop:" SECRET " ops:" SECRET ":send", "\"ops\": has the same secret as key \"shop\""},
        {"shop:" HASH " ops:" SECRET, "\"ops\": has the same secret as key \"shop\""},
        {"shop:sha256", "\"shop\": sha256: must be followed by 64 hex digits"},
        {"shop:sha256:", "\"shop\": sha256: must be followed by 64 hex digits"},
        {"shop:sha256:0123456789:send", "\"shop\": sha256: must be followed by 64 hex digits"},
        {"shop:" HASH "0", "\"shop\": sha256: must be followed by 64 hex digits"},
        {"shop:sha256:01234567890123456789012345678901234567890123456789012345678901xx",
            "\"shop\": sha256: must be followed by 64 hex digits"},
        {"", "allow_anonymous = yes"},
        {"  ", "allow_anonymous = yes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct auth_keys keys;
        struct problem p = {0};

        assert_int_equal(load(&keys, bad[i].text, false, &p), ERR_BAD_VALUE);
        if (!strstr(p.msg, bad[i].said) || strstr(p.msg, "0123456789")) {
            fail_msg("\"%s\" gave: %s", bad[i].text, p.msg);
        }
    }
}

static void name_of_64_characters_fits(void **state)
{
    char text[128];
    struct auth_keys keys;

    (void)state;
    memset(text, 'n', sizeof(text));
    memcpy(text + 64, ":" SECRET, sizeof(":" SECRET));
    keys = parse(text, false);
    assert_int_equal(strlen(keys.keys[0].name), 64);
    auth_keys_finish(&keys);
    text[64] = 'n';
    memcpy(text + 65, ":" SECRET, sizeof(":" SECRET));
    assert_int_equal(load(&keys, text, false, NULL), ERR_BAD_VALUE);
}

static void caller_is_known_by_either_header(void **state)
{
    struct auth_keys keys = parse("shop:" SECRET " ops:" OTHER, false);
    const struct auth_key *key = NULL;

    (void)state;
    assert_int_equal(auth_check(&keys, "Bearer " SECRET, NULL, AUTH_SEND, &key), ERR_OK);
    assert_string_equal(key->name, "shop");
    assert_int_equal(auth_check(&keys, "bEARER   " OTHER, NULL, AUTH_SEND, &key), ERR_OK);
    assert_string_equal(key->name, "ops");
    assert_int_equal(auth_check(&keys, NULL, SECRET, AUTH_SEND, &key), ERR_OK);
    assert_string_equal(key->name, "shop");
    assert_int_equal(auth_check(&keys, "Basic dTpw", OTHER, AUTH_SEND, &key), ERR_OK);
    assert_string_equal(key->name, "ops");
    auth_keys_finish(&keys);
}

static void caller_without_or_with_a_wrong_key_is_refused(void **state)
{
    struct auth_keys keys = parse("shop:" SECRET, false);
    const struct auth_key *key = NULL;

    (void)state;
    assert_int_equal(auth_check(&keys, NULL, NULL, AUTH_SEND, &key), ERR_NO_TOKEN);
    assert_int_equal(auth_check(&keys, "", NULL, AUTH_SEND, &key), ERR_NO_TOKEN);
    assert_int_equal(auth_check(&keys, "Basic dTpw", NULL, AUTH_SEND, &key), ERR_NO_TOKEN);
    assert_int_equal(auth_check(&keys, SECRET, NULL, AUTH_SEND, &key), ERR_NO_TOKEN);
    assert_int_equal(auth_check(&keys, "Bearer ", NULL, AUTH_SEND, &key), ERR_BAD_TOKEN);
    assert_int_equal(auth_check(&keys, "Bearer " SECRET "x", NULL, AUTH_SEND, &key), ERR_BAD_TOKEN);
    assert_int_equal(
        auth_check(&keys, "Bearer 0123456789abcde", NULL, AUTH_SEND, &key), ERR_BAD_TOKEN);
    assert_int_equal(auth_check(&keys, NULL, "", AUTH_SEND, &key), ERR_BAD_TOKEN);
    assert_int_equal(auth_check(&keys, "Bearer " SECRET, OTHER, AUTH_SEND, &key), ERR_BAD_TOKEN);
    assert_null(key);
    auth_keys_finish(&keys);
}

static void key_serves_its_scopes_only(void **state)
{
    struct auth_keys keys = parse("shop:" SECRET ":send", false);
    const struct auth_key *key;

    (void)state;
    assert_int_equal(auth_check(&keys, NULL, SECRET, AUTH_SEND, &key), ERR_OK);
    assert_int_equal(auth_check(&keys, NULL, SECRET, AUTH_PRESENCE, &key), ERR_FORBIDDEN);
    assert_int_equal(auth_check(&keys, NULL, SECRET, AUTH_ADMIN, &key), ERR_FORBIDDEN);
    auth_keys_finish(&keys);
}

static void hash_stands_for_the_secret(void **state)
{
    struct auth_keys keys = parse("shop:" HASH ":send ops:" OTHER, false);
    const struct auth_key *key;

    (void)state;
    assert_int_equal(auth_check(&keys, NULL, SECRET, AUTH_SEND, &key), ERR_OK);
    assert_string_equal(key->name, "shop");
    assert_int_equal(key->scopes, AUTH_SEND);
    assert_int_equal(auth_check(&keys, NULL, HASH, AUTH_SEND, &key), ERR_BAD_TOKEN);
    auth_keys_finish(&keys);
}

static void key_reaches_its_server_clients_only(void **state)
{
    struct auth_keys keys = parse("shop:" SECRET ":send:pc+app ops:" OTHER ":send", false);
    const struct auth_key *shop = &keys.keys[0];
    const struct auth_key *ops = &keys.keys[1];
    static const char *const others[] = {"", "p", "pcs", "pc+app", "ap", "app2", "PC", "+"};
    struct problem p = {0};

    (void)state;
    assert_int_equal(auth_check_reach(shop, "pc", NULL), ERR_OK);
    assert_int_equal(auth_check_reach(shop, "app", NULL), ERR_OK);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(auth_check_reach(shop, others[i], &p), ERR_FORBIDDEN);
        assert_string_equal(p.field, "serverClient");
        assert_int_equal(auth_check_reach(ops, others[i], NULL), ERR_OK);
    }
    auth_keys_finish(&keys);
}

static void anonymous_is_for_callers_without_a_key_only(void **state)
{
    struct auth_keys keys = parse("", true);
    const struct auth_key *key;

    (void)state;
    assert_int_equal(auth_check(&keys, NULL, NULL, AUTH_ADMIN, &key), ERR_OK);
    assert_string_equal(key->name, "anonymous");
    assert_int_equal(auth_check(&keys, NULL, SECRET, AUTH_SEND, &key), ERR_BAD_TOKEN);
    auth_keys_finish(&keys);
}

static void cluster_secret_is_a_bearer(void **state)
{
    (void)state;
    assert_int_equal(auth_check_secret(SECRET, "", "Bearer " SECRET), ERR_OK);
    assert_int_equal(auth_check_secret(SECRET, "", "bearer " SECRET), ERR_OK);
    assert_int_equal(auth_check_secret(SECRET, "", "Bearer " OTHER), ERR_BAD_TOKEN);
    assert_int_equal(auth_check_secret(SECRET, "", "Bearer " SECRET "0"), ERR_BAD_TOKEN);
    assert_int_equal(auth_check_secret(SECRET, "", SECRET), ERR_NO_TOKEN);
    assert_int_equal(auth_check_secret(SECRET, "", NULL), ERR_NO_TOKEN);
}

static void second_secret_is_accepted_if_there_is_one(void **state)
{
    (void)state;
    assert_int_equal(auth_check_secret(SECRET, OTHER, "Bearer " SECRET), ERR_OK);
    assert_int_equal(auth_check_secret(SECRET, OTHER, "Bearer " OTHER), ERR_OK);
    assert_int_equal(auth_check_secret(SECRET, OTHER, "Bearer " OTHER "0"), ERR_BAD_TOKEN);
    assert_int_equal(auth_check_secret(SECRET, OTHER, "Bearer "), ERR_BAD_TOKEN);
    assert_int_equal(auth_check_secret(SECRET, "", "Bearer "), ERR_BAD_TOKEN);
}

/* How much auth_check() compares for this key. */
static size_t compared_for(const struct auth_keys *keys, const char *shown, enum err expected)
{
    const struct auth_key *key;

    bytes_compared = 0;
    assert_int_equal(auth_check(keys, NULL, shown, AUTH_SEND, &key), expected);
    return bytes_compared;
}

static void every_key_is_compared_in_constant_time_whichever_fits(void **state)
{
    struct auth_keys keys = parse("a:" SECRET " b:" OTHER " c:third-0123456789", false);
    size_t all = 3 * (size_t)AUTH_DIGEST_BYTES;

    (void)state;
    assert_int_equal(compared_for(&keys, SECRET, ERR_OK), all);
    assert_int_equal(compared_for(&keys, "third-0123456789", ERR_OK), all);
    assert_int_equal(compared_for(&keys, "x", ERR_BAD_TOKEN), all);
    auth_keys_finish(&keys);
}

static void both_cluster_secrets_are_compared_in_constant_time_whichever_fits(void **state)
{
    static const char *const shown[] = {"Bearer " SECRET, "Bearer " OTHER, "Bearer x"};

    (void)state;
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        bytes_compared = 0;
        assert_int_equal(
            auth_check_secret(SECRET, OTHER, shown[i]), i < 2 ? ERR_OK : ERR_BAD_TOKEN);
        assert_int_equal(bytes_compared, 2 * AUTH_DIGEST_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_have_names_secrets_and_scopes),
        cmocka_unit_test(bad_keys_are_named_without_their_secret),
        cmocka_unit_test(name_of_64_characters_fits),
        cmocka_unit_test(caller_is_known_by_either_header),
        cmocka_unit_test(caller_without_or_with_a_wrong_key_is_refused),
        cmocka_unit_test(key_serves_its_scopes_only),
        cmocka_unit_test(hash_stands_for_the_secret),
        cmocka_unit_test(key_reaches_its_server_clients_only),
        cmocka_unit_test(anonymous_is_for_callers_without_a_key_only),
        cmocka_unit_test(cluster_secret_is_a_bearer),
        cmocka_unit_test(second_secret_is_accepted_if_there_is_one),
        cmocka_unit_test(every_key_is_compared_in_constant_time_whichever_fits),
        cmocka_unit_test(both_cluster_secrets_are_compared_in_constant_time_whichever_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
