/*
 * Reads the keys and certificates that options name, to see whether they are good.
 */
#include <openssl/ssl.h>
#include <string.h>

#include "shared/auth.h"
#include "shared/option_check.h"
#include "shared/tls_files.h"
#include "shared/token_keys.h"

static enum err check_api_keys(const struct config *c, enum option_index *blamed, struct problem *p)
{
    const struct auth_source from = {
        c->send_api_keys, c->send_api_keys_file, c->send_allow_anonymous};
    struct auth_keys keys;
    enum err err = auth_keys_load(&keys, &from, p);

    if (!err) {
        auth_keys_finish(&keys);
        return ERR_OK;
    }
    bool in_file = strcmp(p->field, options[OPTION_send_api_keys_file].name) == 0;
    *blamed = in_file ? OPTION_send_api_keys_file : OPTION_send_api_keys;
    return err;
}

static enum option_index index_of(const char *name)
{
    size_t i = 0;

    while (strcmp(options[i].name, name) != 0) {
        i++;
    }
    return (enum option_index)i;
}

static enum err check_tls_files(
    const struct config *c, enum tls_end end, enum option_index *blamed, struct problem *p)
{
    const struct tls_files files = tls_files_of(c, end);
    SSL_CTX *loaded;
    enum err err = tls_files_load(&files, &loaded, p);

    if (err == ERR_BAD_VALUE) {
        *blamed = index_of(p->field);
    }
    if (!err) {
        tls_files_warn(&files, loaded);
        SSL_CTX_free(loaded);
    }
    return err;
}

static enum err check_token_keys(
    const struct config *c, enum option_index *blamed, struct problem *p)
{
    struct token_keys keys;

    if (c->node_auth != NODE_AUTH_TOKEN) {
        return ERR_OK;
    }
    *blamed = OPTION_token_keys;
    enum err err =
        token_keys_load(&keys, (enum token_algorithm)c->token_algorithm, c->token_keys, p);
    if (!err) {
        token_keys_finish(&keys);
    }
    return err;
}

enum err option_check_files(
    const struct config *c, enum program program, enum option_index *blamed, struct problem *p)
{
    if (program == PROGRAM_NODE) {
        enum err err = check_token_keys(c, blamed, p);
        err = err ? err : check_tls_files(c, TLS_INTERNAL, blamed, p);
        return err ? err : check_tls_files(c, TLS_PUBLIC, blamed, p);
    }
    enum err err = check_api_keys(c, blamed, p);
    return err ? err : check_tls_files(c, TLS_SENDER, blamed, p);
}
