/*
 * Reads API keys, from the option and from their file. Only digests are kept.
 */
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/address.h"
#include "shared/auth.h"
#include "shared/file.h"

#define FILE_BYTES_MAX (1024 * 1024)
#define HEX_CHARS (2 * AUTH_DIGEST_BYTES)

static const struct {
    const char *word;
    enum auth_scope scope;
} scopes[] = {{"send", AUTH_SEND}, {"presence", AUTH_PRESENCE}, {"admin", AUTH_ADMIN}};

struct reading {
    struct auth_keys keys;
    size_t room;
    int line; /* of the file; 0: in send.api_keys */
    struct problem *p;
};

/* Takes what stands before the first `at` off rest, or everything where there is none: false. */
static bool cut(struct slice *rest, char at, struct slice *part)
{
    const char *found = memchr(rest->at, at, rest->len);

    *part = *rest;
    if (!found) {
        *rest = (struct slice){rest->at + rest->len, 0};
        return false;
    }
    part->len = (size_t)(found - part->at);
    *rest = (struct slice){found + 1, rest->len - part->len - 1};
    return true;
}

static enum err refuse(struct reading *r, const char *format, ...) PRINTF_LIKE(2, 3);
static enum err refuse(struct reading *r, const char *format, ...)
{
    char what[sizeof(r->p->msg)];
    char line[32] = "";
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    if (r->line > 0) {
        snprintf(line, sizeof(line), "line %d: ", r->line);
    }
    return problem_set(r->p, ERR_BAD_VALUE, r->line > 0 ? "send.api_keys_file" : "send.api_keys",
        "%s%s", line, what);
}

static enum err refuse_key(struct reading *r, const struct auth_key *key, const char *what)
{
    return refuse(r, "key \"%s\": %s", key->name, what);
}

static enum err no_memory(struct reading *r)
{
    return problem_set(r->p, ERR_NO_MEMORY, "", NULL);
}

static enum err add_scope(struct reading *r, struct auth_key *key, struct slice word)
{
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        if (slice_equal(word, scopes[i].word)) {
            key->scopes |= scopes[i].scope;
            return ERR_OK;
        }
    }
    return refuse_key(r, key, "a scope is not send, presence or admin");
}

static enum err check_server_client(struct reading *r, struct auth_key *key, struct slice part)
{
    return address_check_part(part, "", NULL) ? refuse_key(r, key, "a serverClient is malformed")
                                              : ERR_OK;
}

/* word+word */
static enum err each_word(struct reading *r, struct auth_key *key, struct slice text,
    enum err (*take)(struct reading *r, struct auth_key *key, struct slice word))
{
    bool more;

    do {
        struct slice word;
        enum err err;

        more = cut(&text, '+', &word);
        err = take(r, key, word);
        if (err) {
            return err;
        }
    } while (more);
    return ERR_OK;
}

/* [:scope+scope[:serverClient+serverClient]], without the first colon */
static enum err read_limits(struct reading *r, struct auth_key *key, struct slice text)
{
    struct slice words;
    bool has_clients = cut(&text, ':', &words);
    enum err err = each_word(r, key, words, add_scope);

    if (err || !has_clients) {
        return err;
    }
    err = each_word(r, key, text, check_server_client);
    if (err) {
        return err;
    }
    key->server_clients = strndup(text.at, text.len);
    return key->server_clients ? ERR_OK : no_memory(r);
}

/* The secret, or sha256:<hex>, off rest. */
static enum err read_secret(
    struct reading *r, struct auth_key *key, struct slice *rest, bool *has_limits)
{
    char hex[HEX_CHARS + 1] = "";
    struct slice secret;
    size_t len = 0;

    *has_limits = cut(rest, ':', &secret);
    if (!slice_equal(secret, "sha256")) {
        if (secret.len < AUTH_SECRET_BYTES_MIN) {
            return refuse_key(r, key, "the secret has fewer than 16 characters");
        }
        return auth_digest(secret, key->digest) ? no_memory(r) : ERR_OK;
    }
    *has_limits = cut(rest, ':', &secret);
    if (secret.len == HEX_CHARS) {
        memcpy(hex, secret.at, HEX_CHARS);
    }
    if (!OPENSSL_hexstr2buf_ex(key->digest, AUTH_DIGEST_BYTES, &len, hex, '\0') ||
        len != AUTH_DIGEST_BYTES) {
        return refuse_key(r, key, "sha256: must be followed by 64 hex digits");
    }
    return ERR_OK;
}

static enum err read_key(struct reading *r, struct slice text, struct auth_key *key)
{
    struct slice rest = text;
    struct slice name;
    bool has_limits;

    if (!cut(&rest, ':', &name)) {
        /* It may be a secret that lacks its name, so it is not shown. */
        return refuse(
            r, "a key is not of the form name:secret[:scope+scope[:serverClient+serverClient]]");
    }
    if (name.len == 0 || name.len >= sizeof(key->name)) {
        return refuse(r, "a name is empty or longer than %d characters", AUTH_NAME_BYTES - 1);
    }
    memcpy(key->name, name.at, name.len);
    enum err err = read_secret(r, key, &rest, &has_limits);
    if (!err && has_limits) {
        return read_limits(r, key, rest);
    }
    key->scopes = AUTH_ALL;
    return err;
}

static enum err check_unique(struct reading *r, const struct auth_key *key)
{
    for (size_t i = 0; i < r->keys.count; i++) {
        const struct auth_key *other = &r->keys.keys[i];

        if (strcmp(other->name, key->name) == 0) {
            return refuse_key(r, key, "the name stands twice");
        }
        if (CRYPTO_memcmp(other->digest, key->digest, AUTH_DIGEST_BYTES) == 0) {
            return refuse(
                r, "key \"%s\": has the same secret as key \"%s\"", key->name, other->name);
        }
    }
    return ERR_OK;
}

static enum err make_room(struct reading *r)
{
    size_t room = r->room > 0 ? 2 * r->room : 16;

    if (r->keys.count < r->room) {
        return ERR_OK;
    }
    struct auth_key *longer = realloc(r->keys.keys, room * sizeof(*longer));
    if (!longer) {
        return no_memory(r);
    }
    r->keys.keys = longer;
    r->room = room;
    return ERR_OK;
}

static enum err add_key(struct reading *r, struct slice text)
{
    struct auth_key key = {0};
    enum err err;

    if ((err = make_room(r)) || (err = read_key(r, text, &key)) || (err = check_unique(r, &key))) {
        free(key.server_clients);
        return err;
    }
    r->keys.keys[r->keys.count++] = key;
    return ERR_OK;
}

static enum err read_text(struct reading *r, const char *text)
{
    struct slice rest = slice_of(text);

    while (rest.len > 0) {
        struct slice word;
        enum err err = ERR_OK;

        cut(&rest, ' ', &word);
        if (word.len > 0 && (err = add_key(r, word))) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err read_lines(struct reading *r, struct slice rest)
{
    for (r->line = 1; rest.len > 0; r->line++) {
        struct slice line;
        enum err err;

        cut(&rest, '\n', &line);
        line = slice_trim(line, " \t\r");
        if (line.len > 0 && line.at[0] != '#' && (err = add_key(r, line))) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err read_path(struct reading *r, const char *path)
{
    struct buf text;

    buf_init(&text, FILE_BYTES_MAX);
    enum err err = file_read(path, &text, "send.api_keys_file", r->p);
    if (!err) {
        err = read_lines(r, (struct slice){buf_str(&text), text.len});
    }
    buf_finish(&text);
    return err;
}

static enum err check_any(struct reading *r)
{
    if (r->keys.count > 0 || r->keys.anonymous) {
        return ERR_OK;
    }
    return problem_set(r->p, ERR_BAD_VALUE, "send.api_keys",
        "must have a key; to serve callers without one, write send.allow_anonymous = yes");
}

enum err auth_keys_load(struct auth_keys *out, const struct auth_source *from, struct problem *p)
{
    struct reading r = {.keys.anonymous = from->anonymous, .p = p};
    enum err err = read_text(&r, from->text);

    if (!err && from->path[0]) {
        err = read_path(&r, from->path);
    }
    if (err || (err = check_any(&r))) {
        auth_keys_finish(&r.keys);
        return err;
    }
    *out = r.keys;
    return ERR_OK;
}

void auth_keys_finish(struct auth_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        free(keys->keys[i].server_clients);
    }
    free(keys->keys);
}
