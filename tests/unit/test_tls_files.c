/*
 * PEM files in, what a handshake needs or one good sentence out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "shared/clock.h"
#include "shared/tls_files.h"
#include "tests/unit/certificates.h"

#define DAY_S 86400L

static char directory[] = "/tmp/test_tls_files.XXXXXX";
static char cert[64], key[64], other_key[64], locked_key[64], ca[64], empty[64], none[64];

static void name_file(char out[64], const char *name)
{
    snprintf(out, 64, "%s/%s", directory, name);
}

static void write_locked_key(void)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    FILE *file = fopen(locked_key, "w");

    assert_int_equal(
        PEM_write_PrivateKey(file, pkey, EVP_aes_128_cbc(), (const void *)"secret", 6, NULL, NULL),
        1);
    fclose(file);
    EVP_PKEY_free(pkey);
}

static int make_files(void **state)
{
    struct issuer issuer = issuer_create("ca");

    (void)state;
    assert_non_null(mkdtemp(directory));
    name_file(cert, "cert");
    name_file(key, "key");
    name_file(other_key, "other_key");
    name_file(locked_key, "locked_key");
    name_file(ca, "ca");
    name_file(empty, "empty");
    name_file(none, "none");
    issuer_write(&issuer, ca);
    issuer_sign(&issuer, "other", KEY_RSA, DAY_S, cert, other_key);
    issuer_sign(&issuer, "node", KEY_EC, DAY_S, cert, key);
    issuer_destroy(&issuer);
    write_locked_key();
    fclose(fopen(empty, "w"));
    return 0;
}

static int remove_files(void **state)
{
    const char *const files[] = {cert, key, other_key, locked_key, ca, empty};

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        unlink(files[i]);
    }
    return rmdir(directory);
}

static struct tls_files files_of(const char *cert_path, const char *key_path, const char *ca_path)
{
    const struct config c = {.node_internal_tls_cert = cert_path,
        .node_internal_tls_key = key_path,
        .node_internal_tls_client_ca = ca_path};

    return tls_files_of(&c, TLS_INTERNAL);
}

static SSL_CTX *load_good(const char *cert_path, const char *key_path, const char *ca_path)
{
    struct tls_files files = files_of(cert_path, key_path, ca_path);
    struct problem p = {0};
    SSL_CTX *loaded;
    enum err err = tls_files_load(&files, &loaded, &p);

    assert_string_equal(p.msg, "");
    assert_int_equal(err, ERR_OK);
    return loaded;
}

static void certificate_comes_with_what_leads_to_its_ca(void **state)
{
    SSL_CTX *loaded = load_good(cert, key, "");
    STACK_OF(X509) * chain;

    (void)state;
    assert_non_null(SSL_CTX_get0_certificate(loaded));
    assert_non_null(SSL_CTX_get0_privatekey(loaded));
    SSL_CTX_get0_chain_certs(loaded, &chain);
    assert_int_equal(sk_X509_num(chain), 1);
    SSL_CTX_free(loaded);
}

static void ca_comes_with_its_name(void **state)
{
    SSL_CTX *loaded = load_good("", "", ca);

    (void)state;
    assert_null(SSL_CTX_get0_certificate(loaded));
    assert_int_equal(sk_X509_NAME_num(SSL_CTX_get_client_CA_list(loaded)), 1);
    SSL_CTX_free(loaded);
}

static void expiry_is_the_certificates(void **state)
{
    SSL_CTX *with = load_good(cert, key, "");
    SSL_CTX *without = load_good("", "", ca);
    int64_t left_s = tls_files_expiry_s(with) - clock_wall_ms() / 1000;

    (void)state;
    assert_in_range(left_s, DAY_S - 60, DAY_S);
    assert_int_equal(tls_files_expiry_s(without), 0);
    SSL_CTX_free(with);
    SSL_CTX_free(without);
}

static void assert_refused(struct tls_files files, const char *option, const char *says)
{
    struct problem p = {0};
    SSL_CTX *loaded;

    assert_int_equal(tls_files_load(&files, &loaded, &p), ERR_BAD_VALUE);
    assert_string_equal(p.field, option);
    if (!strstr(p.msg, says)) {
        fail_msg("\"%s\" does not say \"%s\"", p.msg, says);
    }
}

static void bad_file_is_named_with_its_option(void **state)
{
    (void)state;
    assert_refused(files_of(none, key, ""), "node.internal_tls_cert", "none: No such file");
    assert_refused(files_of(empty, key, ""), "node.internal_tls_cert", "no usable certificate");
    assert_refused(files_of(key, key, ""), "node.internal_tls_cert", "no usable certificate");
    assert_refused(files_of(cert, none, ""), "node.internal_tls_key", "none: No such file");
    assert_refused(files_of(cert, cert, ""), "node.internal_tls_key", "no private key");
    assert_refused(files_of(cert, key, none), "node.internal_tls_client_ca", "No such file");
    assert_refused(files_of(cert, key, key), "node.internal_tls_client_ca", "no usable CA");
}

static void key_of_another_certificate_is_refused(void **state)
{
    (void)state;
    assert_refused(files_of(cert, other_key, ""), "node.internal_tls_key", "does not belong to");
}

static void nobody_is_asked_for_a_passphrase(void **state)
{
    (void)state;
    assert_refused(files_of(cert, locked_key, ""), "node.internal_tls_key", "without a passphrase");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificate_comes_with_what_leads_to_its_ca),
        cmocka_unit_test(ca_comes_with_its_name),
        cmocka_unit_test(expiry_is_the_certificates),
        cmocka_unit_test(bad_file_is_named_with_its_option),
        cmocka_unit_test(key_of_another_certificate_is_refused),
        cmocka_unit_test(nobody_is_asked_for_a_passphrase),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
