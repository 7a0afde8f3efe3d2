/*
 * A CA in a few lines of libcrypto.
 */
#include "tests/unit/certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#define DAY_S 86400L

static FILE *open_to_write(const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    return file;
}

static void add_extension(X509 *cert, int what, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, what, value);

    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* Not signed yet. */
static X509 *make_cert(const char *name, EVP_PKEY *key, long valid_s)
{
    static long serial;
    X509 *cert = X509_new();

    assert_non_null(cert);
    X509_set_version(cert, 2); /* X.509 v3 */
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), -10 * DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(cert), valid_s);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(
        X509_get_subject_name(cert), "CN", MBSTRING_UTF8, (const void *)name, -1, -1, 0);
    return cert;
}

struct issuer issuer_create(const char *name)
{
    struct issuer i = {.key = EVP_EC_gen("P-256")};

    assert_non_null(i.key);
    i.cert = make_cert(name, i.key, 30 * DAY_S);
    add_extension(i.cert, NID_basic_constraints, "critical,CA:TRUE");
    X509_set_issuer_name(i.cert, X509_get_subject_name(i.cert));
    assert_true(X509_sign(i.cert, i.key, EVP_sha256()) > 0);
    return i;
}

void issuer_destroy(struct issuer *i)
{
    X509_free(i->cert);
    EVP_PKEY_free(i->key);
}

void issuer_write(const struct issuer *i, const char *path)
{
    FILE *file = open_to_write(path);

    assert_int_equal(PEM_write_X509(file, i->cert), 1);
    fclose(file);
}

void issuer_sign(const struct issuer *i, const char *name, enum key_type type, long valid_s,
    const char *cert_path, const char *key_path)
{
    EVP_PKEY *key = type == KEY_EC ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
    FILE *file = open_to_write(cert_path);

    assert_non_null(key);
    X509 *cert = make_cert(name, key, valid_s);
    X509_set_issuer_name(cert, X509_get_subject_name(i->cert));
    assert_true(X509_sign(cert, i->key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_X509(file, cert), 1);
    assert_int_equal(PEM_write_X509(file, i->cert), 1);
    fclose(file);
    file = open_to_write(key_path);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
}
