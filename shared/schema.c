/*
 * The names of the Redis keys. What each key holds, who writes and who reads it stands in schema.h.
 */
#include "shared/schema.h"

#include <inttypes.h>

void schema_add_registry(struct command *c, const char *prefix, const char *user_id)
{
    buf_addf(command_begin(c), "%s{%s}", prefix, user_id);
    command_end(c);
}

void schema_add_inbox(struct command *c, const char *prefix, const char *user_id)
{
    buf_addf(command_begin(c), "%s{%s}:inbox", prefix, user_id);
    command_end(c);
}

void schema_add_read(struct command *c, const char *prefix, const char *user_id)
{
    buf_addf(command_begin(c), "%s{%s}:read", prefix, user_id);
    command_end(c);
}

void schema_add_close(struct command *c, const char *prefix, const char *user_id)
{
    buf_addf(command_begin(c), "%s{%s}:close", prefix, user_id);
    command_end(c);
}

void schema_add_sent(
    struct command *c, const char *prefix, const char *user_id, const char *message_id)
{
    buf_addf(command_begin(c), "%s{%s}:sent:%s", prefix, user_id, message_id);
    command_end(c);
}

void schema_add_revoked(struct command *c, const char *prefix, const char *user_id)
{
    buf_addf(command_begin(c), "%s{%s}:revoked", prefix, user_id);
    command_end(c);
}

void schema_add_memberships(struct command *c, const char *prefix, const char *user_id)
{
    buf_addf(command_begin(c), "%s{%s}:topics", prefix, user_id);
    command_end(c);
}

void schema_add_topic(struct command *c, const char *prefix, const char *group)
{
    buf_addf(command_begin(c), "%stopic:{%s}", prefix, group);
    command_end(c);
}

void schema_add_topic_close(struct command *c, const char *prefix, const char *group)
{
    buf_addf(command_begin(c), "%stopic:{%s}:close", prefix, group);
    command_end(c);
}

void schema_add_topic_log(struct command *c, const char *prefix, const char *topic)
{
    buf_addf(command_begin(c), "%stopic:{%s}:log", prefix, topic);
    command_end(c);
}

void schema_add_topic_sent(
    struct command *c, const char *prefix, const char *group, const char *message_id)
{
    buf_addf(command_begin(c), "%stopic:{%s}:sent:%s", prefix, group, message_id);
    command_end(c);
}

void schema_add_nodes(struct command *c, const char *prefix)
{
    buf_addf(command_begin(c), "%snodes", prefix);
    command_end(c);
}

void schema_add_lease(struct command *c, const char *prefix, const char *node_id)
{
    buf_addf(command_begin(c), "%snode:%s", prefix, node_id);
    command_end(c);
}

void schema_add_probe(struct command *c, const char *prefix, int64_t number)
{
    buf_addf(command_begin(c), "%sprobe:%" PRId64, prefix, number);
    command_end(c);
}

void schema_add_inbound(struct command *c, const char *prefix)
{
    buf_addf(command_begin(c), "%sinbound", prefix);
    command_end(c);
}

void schema_add_events(struct command *c, const char *prefix)
{
    buf_addf(command_begin(c), "%sevents", prefix);
    command_end(c);
}

/* In the slot of the stream, whose name is the hash tag. */
static void add_beside_events(struct command *c, const char *prefix, const char *name)
{
    buf_addf(command_begin(c), "%s%s:{%sevents}", prefix, name, prefix);
    command_end(c);
}

void schema_add_events_online(struct command *c, const char *prefix)
{
    add_beside_events(c, prefix, "online");
}

void schema_add_events_leaving(struct command *c, const char *prefix)
{
    add_beside_events(c, prefix, "leaving");
}

void schema_add_events_nodes(struct command *c, const char *prefix)
{
    add_beside_events(c, prefix, "told");
}

void schema_add_events_sessions(
    struct command *c, const char *prefix, const char *node_id, const char *boot)
{
    buf_addf(command_begin(c), "%stold:{%sevents}:%s:%s", prefix, prefix, node_id, boot);
    command_end(c);
}

void schema_add_events_watch(struct command *c, const char *prefix)
{
    add_beside_events(c, prefix, "watch");
}

void schema_add_events_groups(
    struct command *c, const char *prefix, const char *node_id, const char *boot)
{
    buf_addf(command_begin(c), "%sattended:{%sevents}:%s:%s", prefix, prefix, node_id, boot);
    command_end(c);
}

void schema_add_attendance(struct command *c, const char *prefix)
{
    add_beside_events(c, prefix, "attendance");
}

void schema_add_attendees(struct command *c, const char *prefix)
{
    add_beside_events(c, prefix, "attendees");
}

void schema_add_attending(struct command *c, const char *prefix)
{
    add_beside_events(c, prefix, "attending");
}

void schema_add_parting(struct command *c, const char *prefix)
{
    add_beside_events(c, prefix, "parting");
}

void schema_add_events_bringer(struct command *c, const char *prefix)
{
    add_beside_events(c, prefix, "bringer");
}

void schema_add_events_brought(struct command *c, const char *prefix)
{
    add_beside_events(c, prefix, "brought");
}

void schema_add_control(struct command *c, const char *prefix, const char *node_id)
{
    buf_addf(command_begin(c), "%scontrol:%s", prefix, node_id);
    command_end(c);
}
