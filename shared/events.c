/*
 * The commands of session events, and the decoding of what they reply.
 */
#include "shared/events.h"

#include <stdlib.h>
#include <string.h>

#include "shared/parse.h"
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

void events_start_with_groups(
    struct command *c, const struct script *script, int more_keys, const struct events_rules *r)
{
    start(c, script, 7 + more_keys, r);
    schema_add_attendance(c, r->prefix);
    schema_add_attendees(c, r->prefix);
    schema_add_attending(c, r->prefix);
    schema_add_parting(c, r->prefix);
}

void events_add_group_rules(struct command *c, const struct events_rules *r)
{
    add_rules(c, r);
    command_add_int(c, r->news_max);
    command_add_int(c, r->grace_ms);
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
    events_start_with_groups(c, &script_event_lost, 3, r);
    schema_add_events_nodes(c, r->prefix);
    schema_add_events_sessions(c, r->prefix, n->node_id, n->boot);
    schema_add_events_groups(c, r->prefix, n->node_id, n->boot);
    events_add_group_rules(c, r);
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

void events_bring_command(struct command *c, const struct events_rules *r,
    const struct events_node *n, int64_t ttl_ms, const char *brought, int64_t count)
{
    command_start_script(c, &script_event_bring, 3);
    schema_add_events(c, r->prefix);
    schema_add_events_bringer(c, r->prefix);
    schema_add_events_brought(c, r->prefix);
    buf_addf(command_begin(c), "%s %s", n->node_id, n->boot);
    command_end(c);
    command_add_int(c, ttl_ms);
    command_add_str(c, brought);
    command_add_int(c, count);
}

static void add_member(struct buf *out, struct slice name, struct slice value)
{
    bool is_number = slice_equal(name, "time") || slice_equal(name, "code");
    uint64_t number;

    buf_add_char(out, ',');
    buf_add_json_string(out, name.at, name.len);
    buf_add_char(out, ':');
    if (is_number && parse_u64(value, UINT64_MAX, &number) == ERR_OK) {
        buf_add(out, value.at, value.len);
    } else {
        buf_add_json_string(out, value.at, value.len);
    }
}

/* {id, {name, value, …}} */
static enum err add_event(const struct redisReply *entry, struct buf *out, char *id)
{
    struct reply_reader r = reply_reader_of(entry);
    struct message_id parsed = reply_next_id(&r);
    struct reply_reader fields = reply_reader_of(reply_next(&r));

    buf_addf(out, "{\"id\":\"%s\"", message_id_format(parsed, id));
    while (reply_has_next(&fields)) {
        struct slice name = reply_next_text(&fields);
        struct slice value = reply_next_text(&fields);
        add_member(out, name, value);
    }
    buf_add_char(out, '}');
    return reply_reader_err(&r) || reply_reader_err(&fields) ? ERR_INTERNAL : ERR_OK;
}

enum err events_bring_decode(
    const struct redisReply *reply, struct buf *out, struct events_batch *batch)
{
    struct reply_reader r = reply_reader_of(reply);
    struct events_batch found = {.is_ours = reply_next_int(&r) != 0};
    struct reply_reader entries = reply_reader_of(reply_next(&r));

    buf_add_str(out, "{\"type\":\"events\",\"events\":[");
    while (reply_has_next(&entries)) {
        buf_add_str(out, found.count++ > 0 ? "," : "");
        enum err err = add_event(reply_next(&entries), out, found.last_id);
        if (err) {
            return err;
        }
    }
    buf_add_str(out, "]}");
    if (reply_reader_err(&r) || reply_reader_err(&entries)) {
        return ERR_INTERNAL;
    }
    *batch = found;
    return ERR_OK;
}
