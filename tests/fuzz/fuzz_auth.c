/*
 * send.api_keys, and the headers in which callers show a key.
 */
#include "shared/auth.h"

#include "tests/fuzz/fuzz.h"

static void check_keys(const struct auth_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        const struct auth_key *key = &keys->keys[i];
        assert(*key->name && strlen(key->name) < AUTH_NAME_BYTES);
        assert(!key->server_clients || *key->server_clients);
        assert(key->scopes != 0 && (key->scopes & ~(unsigned)AUTH_ALL) == 0);
    }
}

static void check_headers(const char *value)
{
    static const struct auth_source source = {"a:0123456789abcdef", "", false};
    static struct auth_keys keys;
    const struct auth_key *key = NULL;

    if (!keys.count) {
        assert(auth_keys_load(&keys, &source, NULL) == ERR_OK);
    }
    if (auth_check(&keys, value, NULL, AUTH_SEND, &key) == ERR_OK) {
        assert(strstr(value, "0123456789abcdef") && strcmp(key->name, "a") == 0);
    }
    if (auth_check(&keys, NULL, value, AUTH_SEND, &key) == ERR_OK) {
        assert(strcmp(value, "0123456789abcdef") == 0);
    }
    if (auth_check_secret("0123456789abcdef", "", value) == ERR_OK) {
        assert(strstr(value, "0123456789abcdef"));
    }
}

void fuzz(struct slice input)
{
    char *text = fuzz_string(input);
    struct auth_source source = {text, "", true};
    struct auth_keys keys;
    struct problem p;

    if (auth_keys_load(&keys, &source, &p) == ERR_OK) {
        check_keys(&keys);
        auth_keys_finish(&keys);
    }
    check_headers(text);
    free(text);
}
