/*
 * Revoked tokens: of a user all that were issued so far, or one by its id. They are remembered
 * under the user, so that the scripts open and refresh see them in the same moment in which they
 * let a session in or go on; for as long as a token can last (token.lifetime_max and the leeway).
 * Script: lua/revoke.lua; lua/revoked.lua is what the others ask.
 */
#ifndef SHARED_REVOCATION_H
#define SHARED_REVOCATION_H

#include "shared/registry.h"

struct revocation {
    const char *user_id;
    const char *token_id; /* "": all that were issued until now */
    const char *reason;   /* for the close frame; "": the usual one */
    int64_t lifetime_ms;
};
/* May be repeated. */
void revocation_command(struct command *c, const char *prefix, const struct revocation *r);
struct revocation_done {
    int64_t until_ms;               /* wall clock: it is remembered so long */
    struct registry_entry *entries; /* owned (free()): the user's sessions, whatever their tokens */
    size_t entry_count;
};
/* As registry_entries_decode(). */
enum err revocation_decode(
    const struct redisReply *reply, int64_t now_wall_ms, struct revocation_done *out) MUST_CHECK;

#endif
