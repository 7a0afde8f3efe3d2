/*
 * The PEM files of one end of TLS: its certificate (with what leads from there to the CA), the
 * private key, and the CAs that the other end's certificate must come from. They are read and
 * checked as a whole, so that what is good here does not fail in a handshake.
 */
#ifndef SHARED_TLS_FILES_H
#define SHARED_TLS_FILES_H

#include "shared/config.h"
#include "shared/err.h"

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

/* The node's listeners come first. */
enum tls_end { TLS_INTERNAL, TLS_PUBLIC, TLS_SENDER, TLS_LISTENERS = TLS_SENDER };

struct tls_file {
    const char *option; /* "node.internal_tls_cert" */
    const char *path;   /* borrowed from the configuration; "" where there is none */
};

struct tls_files {
    struct tls_file cert;
    struct tls_file key;
    struct tls_file ca;
};

struct tls_files tls_files_of(const struct config *c, enum tls_end end);

/*
 * Reads the files that are given. *out is the caller's (SSL_CTX_free()) and only holds what was
 * read: certificate, chain and key, a store of the CAs and the list of their names. ERR_BAD_VALUE:
 * a file cannot be read, has nothing of use, has a key with a passphrase, or the key belongs to
 * another certificate; p->field is the option and p->msg goes behind its name. ERR_NO_MEMORY.
 */
enum err tls_files_load(
    const struct tls_files *files, struct ssl_ctx_st **out, struct problem *p) MUST_CHECK;

/* When the certificate expires, in seconds since 1970; 0: there is none. */
int64_t tls_files_expiry_s(const struct ssl_ctx_st *loaded);
/* A warning in the log, where the certificate is not valid now: that is no reason not to start, as
 * the clock may be what is wrong. */
void tls_files_warn(const struct tls_files *files, const struct ssl_ctx_st *loaded);

#endif
