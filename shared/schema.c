/*
 * The names of the Redis keys. What each key holds, who writes and who reads it stands in schema.h.
 */
#include "shared/schema.h"

#define ADD_KEY(c, ...) command_add_parts(c, (const char *const[]){__VA_ARGS__, NULL})

void schema_add_registry(struct command *c, const char *prefix, const char *user_id)
{
    ADD_KEY(c, prefix, "{", user_id, "}");
}

void schema_add_inbox(struct command *c, const char *prefix, const char *user_id)
{
    ADD_KEY(c, prefix, "{", user_id, "}:inbox");
}

void schema_add_read(struct command *c, const char *prefix, const char *user_id)
{
    ADD_KEY(c, prefix, "{", user_id, "}:read");
}

void schema_add_sent(
    struct command *c, const char *prefix, const char *user_id, const char *message_id)
{
    ADD_KEY(c, prefix, "{", user_id, "}:sent:", message_id);
}

void schema_add_nodes(struct command *c, const char *prefix)
{
    ADD_KEY(c, prefix, "nodes");
}

void schema_add_lease(struct command *c, const char *prefix, const char *node_id)
{
    ADD_KEY(c, prefix, "node:", node_id);
}

void schema_add_control(struct command *c, const char *prefix, const char *node_id)
{
    ADD_KEY(c, prefix, "control:", node_id);
}
