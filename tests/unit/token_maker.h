/*
 * Tokens of any kind, good and bad, for tests: header and claims are JSON as the test writes it.
 */
#ifndef TESTS_UNIT_TOKEN_MAKER_H
#define TESTS_UNIT_TOKEN_MAKER_H

#include <jwt.h>

#define SECRET "0123456789abcdef0123456789abcdef"

/* Borrowed until the fourth next call. */
const char *token_of(
    const char *header, const char *claims, const char *secret);    /* by HMAC SHA-256 */
const char *token_unsigned(const char *header, const char *claims); /* the last part is empty */
/* By libjwt, with a private key in PEM; kid may be NULL. */
const char *token_signed(jwt_alg_t alg, const char *pem, const char *kid, const char *claims);

/* New keys in PEM: the private one is returned, and the public one written to a file. Of RSA with
 * so many bits, or of a curve's name. Borrowed for ever. */
const char *make_rsa_key(unsigned bits, const char *public_path);
const char *make_ec_key(const char *curve, const char *public_path);

#endif
