/* Which keys a node starts with, and that complaints name the key and never show a secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "shared/token_keys.h"
#include "tests/unit/token_maker.h"

#define OTHER "fedcba9876543210fedcba9876543210"

static char directory[] = "/tmp/test_token_keys.XXXXXX";

static const char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static void write_key(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int make_files(void **state)
{
    (void)state;
    if (!mkdtemp(directory)) {
        return -1;
    }
    write_key("secret", SECRET "\n");
    write_key("short", "0123456789abcdef0123456789abcde\n");
    write_key("private.pem", make_ec_key("P-256", path_of("p256.pem")));
    (void)make_ec_key("P-384", path_of("p384.pem"));
    (void)make_rsa_key(2048, path_of("rsa.pem"));
    (void)make_rsa_key(1024, path_of("rsa1024.pem"));
    return 0;
}

static int remove_files(void **state)
{
    static const char *const names[] = {
        "secret", "short", "private.pem", "p256.pem", "p384.pem", "rsa.pem", "rsa1024.pem"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)unlink(path_of(names[i]));
    }
    return rmdir(directory);
}

/* "a:file:@/secret": @ is the tests' directory. */
static const char *filled(const char *text)
{
    static char out[512];
    const char *at = strchr(text, '@');

    if (!at) {
        return text;
    }
    snprintf(out, sizeof(out), "%.*s%s%s", (int)(at - text), text, directory, at + 1);
    return out;
}

static struct token_keys load(enum token_algorithm algorithm, const char *text)
{
    struct token_keys keys;
    struct problem p = {.err = ERR_OK};

    enum err err = token_keys_load(&keys, algorithm, filled(text), &p);
    assert_string_equal(p.msg, "");
    assert_int_equal(err, ERR_OK);
    return keys;
}

static void refuse(enum token_algorithm algorithm, const char *text, const char *said)
{
    struct token_keys keys;
    struct problem p;

    assert_int_equal(token_keys_load(&keys, algorithm, filled(text), &p), ERR_BAD_VALUE);
    if (!strstr(p.msg, said)) {
        fail_msg("%s: \"%s\" does not say \"%s\"", text, p.msg, said);
    }
    assert_null(strstr(p.msg, "0123456789"));
}

static void secrets_come_from_the_option_and_from_files(void **state)
{
    struct token_keys keys = load(TOKEN_HS256, " a:" OTHER "  b:file:@/secret ");

    (void)state;
    assert_int_equal(keys.count, 2);
    assert_string_equal(keys.keys[0].id, "a");
    assert_string_equal(buf_str(&keys.keys[0].bytes), OTHER);
    assert_string_equal(keys.keys[1].id, "b");
    assert_int_equal(keys.keys[1].bytes.len, strlen(SECRET));
    assert_memory_equal(keys.keys[1].bytes.bytes, SECRET, strlen(SECRET));
    token_keys_finish(&keys);
}

static void public_keys_are_of_the_algorithm(void **state)
{
    struct token_keys rsa = load(TOKEN_RS256, "r:file:@/rsa.pem");
    struct token_keys ec = load(TOKEN_ES256, "e:file:@/p256.pem");

    (void)state;
    assert_int_equal(rsa.count, 1);
    assert_int_equal(ec.count, 1);
    token_keys_finish(&rsa);
    token_keys_finish(&ec);
}

static void what_cannot_verify_is_refused(void **state)
{
    (void)state;
    refuse(TOKEN_HS256, "", "must have a key");
    refuse(TOKEN_HS256, "  ", "write node.auth = none");
    refuse(TOKEN_HS256, SECRET, "id:file:/path or id:secret");
    refuse(TOKEN_HS256, ":" SECRET, "an id is empty");
    refuse(TOKEN_HS256, "a:", "key \"a\": the secret has fewer than 32 bytes");
    refuse(TOKEN_HS256, "a:0123456789abcdef0123456789abcde", "fewer than 32 bytes");
    refuse(TOKEN_HS256, "a:file:@/short", "fewer than 32 bytes");
    refuse(TOKEN_HS256, "a:file:@/rsa.pem", "key \"a\": is in PEM");
    refuse(TOKEN_HS256, "a:" SECRET " a:" OTHER, "key \"a\": the id stands twice");
    refuse(TOKEN_HS256, "a:file:@/absent", "/absent: No such file");
    refuse(TOKEN_HS256, "a:file:/dev/zero", "is larger than 16384 bytes");
    refuse(TOKEN_HS256, "a:file:/", "Is a directory");
    refuse(TOKEN_RS256, "a:" SECRET, "is no public key in PEM");
    refuse(TOKEN_RS256, "a:file:@/p256.pem", "is no RSA key");
    refuse(TOKEN_RS256, "a:file:@/rsa1024.pem", "fewer than 2048 bits");
    refuse(TOKEN_ES256, "a:file:@/rsa.pem", "P-256");
    refuse(TOKEN_ES256, "a:file:@/p384.pem", "P-256");
    refuse(TOKEN_ES256, "a:file:@/private.pem", "is a private key");
}

static void a_token_without_kid_fits_a_single_key_only(void **state)
{
    struct token_keys one = load(TOKEN_HS256, "a:" SECRET);
    struct token_keys two = load(TOKEN_HS256, "a:" SECRET " b:" OTHER);
    struct slice none = {NULL, 0};

    (void)state;
    assert_ptr_equal(token_keys_find(&one, none), &one.keys[0]);
    assert_null(token_keys_find(&two, none));
    assert_ptr_equal(token_keys_find(&two, slice_of("b")), &two.keys[1]);
    assert_null(token_keys_find(&one, slice_of("b")));
    assert_null(token_keys_find(&one, slice_of("")));
    token_keys_finish(&one);
    token_keys_finish(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_come_from_the_option_and_from_files),
        cmocka_unit_test(public_keys_are_of_the_algorithm),
        cmocka_unit_test(what_cannot_verify_is_refused),
        cmocka_unit_test(a_token_without_kid_fits_a_single_key_only),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
