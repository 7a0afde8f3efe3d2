/*
 * The commands of session events, and the decoding of what they reply.
 */
#include "shared/events.h"

#include <stdlib.h>
#include <string.h>

#include "shared/redis_reply.h"
#include "shared/schema.h"

static void start(
    struct command *c, const struct script *script, int keys, const struct events_rules *r)
{
    command_start_script(c, script, keys);
    schema_add_events(c, r->prefix);
    schema_add_events_online(c, r->prefix);
    schema_add_events_leaving(c, r->prefix);
}

static void add_rules(struct command *c, const struct events_rules *r)
{
    command_add_int(c, r->stream_max);
    command_add_int(c, r->offline_delay_ms);
}

void events_open_command(struct command *c, const struct events_rules *r,
    const struct events_node *n, const char *session_id, const char *key)
{
    start(c, &script_event_open, 5, r);
    schema_add_events_nodes(c, r->prefix);
    schema_add_events_sessions(c, r->prefix, n->node_id, n->boot);
    add_rules(c, r);
    command_add_str(c, session_id);
    command_add_str(c, key);
    command_add_str(c, n->node_id);
    command_add_str(c, n->boot);
}

void events_close_command(struct command *c, const struct events_rules *r,
    const struct events_node *n, const char *session_id, enum events_end end, int code)
{
    static const char *const by[] = {[EVENTS_CLOSED] = "node",
        [EVENTS_REPLACED] = "node",
        [EVENTS_LEFT] = "client",
        [EVENTS_BROKEN] = ""};

    start(c, &script_event_close, 4, r);
    schema_add_events_sessions(c, r->prefix, n->node_id, n->boot);
    add_rules(c, r);
    command_add_str(c, session_id);
    command_add_str(c, end == EVENTS_REPLACED ? "replaced" : "closed");
    command_add_str(c, n->node_id);
    if (code != 0) {
        command_add_int(c, code);
    } else {
        command_add_str(c, "");
    }
    command_add_str(c, by[end]);
}

void events_lost_command(
    struct command *c, const struct events_rules *r, const struct events_node *n, int64_t count)
{
    start(c, &script_event_lost, 5, r);
    schema_add_events_nodes(c, r->prefix);
    schema_add_events_sessions(c, r->prefix, n->node_id, n->boot);
    add_rules(c, r);
    command_add_str(c, n->node_id);
    command_add_str(c, n->boot);
    command_add_int(c, count);
}

void events_offline_command(struct command *c, const struct events_rules *r, int64_t count)
{
    start(c, &script_event_offline, 3, r);
    add_rules(c, r);
    command_add_int(c, count);
}

void events_watch_command(
    struct command *c, const struct events_rules *r, const char *node_id, int64_t ttl_ms)
{
    command_add_str(c, "SET");
    schema_add_events_watch(c, r->prefix);
    command_add_str(c, node_id);
    command_add_str(c, "NX");
    command_add_str(c, "PX");
    command_add_int(c, ttl_ms);
}

void events_nodes_command(struct command *c, const struct events_rules *r)
{
    command_add_str(c, "SMEMBERS");
    schema_add_events_nodes(c, r->prefix);
}

/* "<nodeId> <boot>"; a nodeId may have spaces, a boot has none. */
static bool decode_node(struct slice text, struct events_node *out)
{
    size_t id_len = text.len;

    while (id_len > 0 && text.at[id_len - 1] != ' ') {
        id_len--;
    }
    size_t boot_len = text.len - id_len;
    if (id_len < 2 || id_len - 1 >= sizeof(out->node_id) || boot_len >= sizeof(out->boot)) {
        return false;
    }
    *out = (struct events_node){.node_id = ""};
    memcpy(out->node_id, text.at, id_len - 1);
    memcpy(out->boot, text.at + id_len, boot_len);
    return true;
}

enum err events_nodes_decode(
    const struct redisReply *reply, struct events_node **out, size_t *count)
{
    struct reply_reader r = reply_reader_of(reply);
    struct events_node *nodes = calloc(reply_length(&r) + 1, sizeof(*nodes));
    size_t found = 0;

    if (!nodes) {
        return ERR_NO_MEMORY;
    }
    while (reply_has_next(&r)) {
        found += decode_node(reply_next_text(&r), &nodes[found]);
    }
    if (reply_reader_err(&r)) {
        free(nodes);
        return ERR_INTERNAL;
    }
    *out = nodes;
    *count = found;
    return ERR_OK;
}
