/*
 * The API keys in force. Those of send.api_keys_file are read again when the file changes, or when
 * a SIGHUP says so; a file that is not good is complained of and changes nothing. Safe from all
 * threads: a set of keys never changes, and lives until the last request that uses it has ended.
 */
#ifndef FCGI_SEND_KEY_STORE_H
#define FCGI_SEND_KEY_STORE_H

#include <stdatomic.h>

#include "shared/auth.h"
#include "shared/config.h"
#include "shared/err.h"

struct key_store;
struct key_set {
    struct auth_keys keys; /* owned */
    _Atomic int64_t refs;
};

/* ERR_BAD_VALUE, ERR_NO_MEMORY. config is borrowed. */
enum err key_store_create(
    const struct config *config, struct key_store **out, struct problem *p) MUST_CHECK;
void key_store_destroy(struct key_store *s); /* NULL is fine */

/* The set in force, after a look at the file if the last one is a second old (now_ms: monotonic).
 * Never NULL; to be given back. */
struct key_set *key_store_ref(struct key_store *s, int64_t now_ms);
void key_set_unref(struct key_set *set);

/* Reads the file again, changed or not. */
void key_store_reload(struct key_store *s);

#endif
