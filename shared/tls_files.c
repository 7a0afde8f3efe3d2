/*
 * Files to an SSL_CTX that nobody shakes hands with: it is libssl's own container for all of them,
 * and refuses what libssl would refuse later, such as a key that is too short.
 */
#include "shared/tls_files.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "shared/clock.h"
#include "shared/log.h"

struct tls_files tls_files_of(const struct config *c, enum tls_end end)
{
    struct tls_files files = {0};

    switch (end) {
    case TLS_INTERNAL:
        files.cert = (struct tls_file){"node.internal_tls_cert", c->node_internal_tls_cert};
        files.key = (struct tls_file){"node.internal_tls_key", c->node_internal_tls_key};
        files.ca = (struct tls_file){"node.internal_tls_client_ca", c->node_internal_tls_client_ca};
        break;
    case TLS_PUBLIC:
        files.cert = (struct tls_file){"node.tls_cert", c->node_tls_cert};
        files.key = (struct tls_file){"node.tls_key", c->node_tls_key};
        files.ca = (struct tls_file){"", ""}; /* browsers show no certificate */
        break;
    case TLS_SENDER:
        files.cert = (struct tls_file){"send.tls_cert", c->send_tls_cert};
        files.key = (struct tls_file){"send.tls_key", c->send_tls_key};
        files.ca = (struct tls_file){"send.tls_ca", c->send_tls_ca};
        break;
    }
    return files;
}

/* what: "usable certificate". Why it is not is what OpenSSL said last. */
static enum err fail(const struct tls_file *file, const char *what, struct problem *p)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return problem_set(p, ERR_BAD_VALUE, file->option, "%s has no %s (%s)", file->path, what,
        reason ? reason : "unknown reason");
}

/* OpenSSL's own words for a file that cannot be read are long and not clear. */
static enum err open_file(const struct tls_file *file, FILE **out, struct problem *p)
{
    *out = fopen(file->path, "re");
    if (!*out) {
        return problem_set(p, ERR_BAD_VALUE, file->option, "%s: %s", file->path, strerror(errno));
    }
    return ERR_OK;
}

static enum err check_readable(const struct tls_file *file, struct problem *p)
{
    FILE *opened;
    enum err err = open_file(file, &opened, p);

    if (!err) {
        (void)fclose(opened); /* nothing was written */
    }
    return err;
}

static enum err load_cert(const struct tls_file *file, SSL_CTX *ctx, struct problem *p)
{
    enum err err = check_readable(file, p);

    if (err) {
        return err;
    }
    return SSL_CTX_use_certificate_chain_file(ctx, file->path) == 1
               ? ERR_OK
               : fail(file, "usable certificate", p);
}

/* Otherwise OpenSSL asks for it on the terminal. */
static int no_passphrase(char *out, int out_bytes, int writing, void *arg)
{
    (void)out;
    (void)out_bytes;
    (void)writing;
    (void)arg;
    return -1;
}

static enum err use_key(
    const struct tls_files *files, EVP_PKEY *key, SSL_CTX *ctx, struct problem *p)
{
    if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1) {
        ERR_clear_error();
        return problem_set(p, ERR_BAD_VALUE, files->key.option, "%s does not belong to %s, %s",
            files->key.path, files->cert.option, files->cert.path);
    }
    return SSL_CTX_use_PrivateKey(ctx, key) == 1 ? ERR_OK
                                                 : fail(&files->key, "usable private key", p);
}

static enum err load_key(const struct tls_files *files, SSL_CTX *ctx, struct problem *p)
{
    FILE *opened;
    enum err err = open_file(&files->key, &opened, p);

    if (err) {
        return err;
    }
    EVP_PKEY *key = PEM_read_PrivateKey(opened, NULL, no_passphrase, NULL);
    (void)fclose(opened);
    if (!key) {
        return fail(&files->key, "private key that opens without a passphrase", p);
    }
    err = use_key(files, key, ctx, p);
    EVP_PKEY_free(key);
    return err;
}

static enum err load_ca(const struct tls_file *file, SSL_CTX *ctx, struct problem *p)
{
    enum err err = check_readable(file, p);

    if (err) {
        return err;
    }
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file->path);
    if (!names || SSL_CTX_load_verify_file(ctx, file->path) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return fail(file, "usable CA certificate", p);
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    return ERR_OK;
}

enum err tls_files_load(const struct tls_files *files, SSL_CTX **out, struct problem *p)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    enum err err = ERR_OK;

    if (!ctx) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    ERR_clear_error();
    if (*files->cert.path) {
        err = load_cert(&files->cert, ctx, p);
    }
    if (!err && *files->cert.path) {
        err = load_key(files, ctx, p);
    }
    if (!err && *files->ca.path) {
        err = load_ca(&files->ca, ctx, p);
    }
    if (err) {
        SSL_CTX_free(ctx);
        return err;
    }
    *out = ctx;
    return ERR_OK;
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm tm;

    return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

int64_t tls_files_expiry_s(const SSL_CTX *loaded)
{
    const X509 *cert = SSL_CTX_get0_certificate(loaded);

    return cert ? seconds_of(X509_get0_notAfter(cert)) : 0;
}

void tls_files_warn(const struct tls_files *files, const SSL_CTX *loaded)
{
    const X509 *cert = SSL_CTX_get0_certificate(loaded);
    int64_t now_s = clock_wall_ms() / 1000;

    if (cert && seconds_of(X509_get0_notAfter(cert)) < now_s) {
        log_warn("certificate has expired", "option=%s file=\"%s\"", files->cert.option,
            files->cert.path);
    } else if (cert && seconds_of(X509_get0_notBefore(cert)) > now_s) {
        log_warn("certificate is not valid yet", "option=%s file=\"%s\"", files->cert.option,
            files->cert.path);
    }
}
