/*
 * The command that revokes tokens, and its reply.
 */
#include "shared/revocation.h"

#include "shared/redis_reply.h"
#include "shared/schema.h"

void revocation_command(struct command *c, const char *prefix, const struct revocation *r)
{
    command_start_script(c, &script_revoke, 2);
    schema_add_registry(c, prefix, r->user_id);
    schema_add_revoked(c, prefix, r->user_id);
    command_add_str(c, r->token_id);
    command_add_str(c, r->reason);
    command_add_int(c, r->lifetime_ms);
}

enum err revocation_decode(
    const struct redisReply *reply, int64_t now_wall_ms, struct revocation_done *out)
{
    struct reply_reader r = reply_reader_of(reply);
    struct revocation_done done = {.until_ms = reply_next_int(&r)};

    enum err err =
        registry_entries_decode(reply_next(&r), now_wall_ms, &done.entries, &done.entry_count);
    if (!err) {
        *out = done;
    }
    return err;
}
