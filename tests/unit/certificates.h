/*
 * Certificates for tests: a CA, and PEM files that it signs for. What fails here ends the test.
 */
#ifndef TESTS_UNIT_CERTIFICATES_H
#define TESTS_UNIT_CERTIFICATES_H

#include <openssl/x509.h>

struct issuer {
    X509 *cert;    /* owned */
    EVP_PKEY *key; /* owned */
};

enum key_type { KEY_EC, KEY_RSA };

struct issuer issuer_create(const char *name);
void issuer_destroy(struct issuer *i);
void issuer_write(const struct issuer *i, const char *path); /* its certificate */

/* Writes a certificate for `name`, valid for so many seconds from now or, if negative, until so
 * many seconds ago, followed by its issuer's; and its key. */
void issuer_sign(const struct issuer *i, const char *name, enum key_type type, long valid_s,
    const char *cert_path, const char *key_path);

#endif
