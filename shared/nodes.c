/*
 * Heartbeats and leases as commands, and the decoding of their replies.
 */
#include "shared/nodes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/redis_reply.h"
#include "shared/schema.h"

#define FIELD(name) ((struct json_field){object, "", name})

void nodes_encode(const struct node_info *n, struct buf *out)
{
    buf_add_char(out, '{');
    buf_add_json_member(out, "node", n->node_id);
    buf_add_json_member(out, "addr", n->addr);
    buf_add_json_member(out, "boot", n->boot);
    buf_add_json_member(out, "state", n->state);
    buf_add_json_member(out, "version", n->version);
    buf_addf(out, "\"sessions\":%" PRId64 ",\"at\":%" PRId64 "}", n->sessions, n->at_ms);
}

static enum err decode_members(struct json_object *object, struct node_info *n)
{
    enum err err;

    if ((err = json_copy_string(FIELD("addr"), n->addr, sizeof(n->addr), NULL)) ||
        (err = json_copy_string(FIELD("boot"), n->boot, sizeof(n->boot), NULL)) ||
        (err = json_copy_string(FIELD("state"), n->state, sizeof(n->state), NULL)) ||
        (err = json_copy_string(FIELD("version"), n->version, sizeof(n->version), NULL)) ||
        (err = json_get_int(FIELD("sessions"), 0, INT64_MAX, &n->sessions, NULL)) ||
        (err = json_get_int(FIELD("at"), 0, INT64_MAX, &n->at_ms, NULL))) {
        return err;
    }
    return ERR_OK;
}

enum err nodes_decode(struct slice node_id, struct slice json, struct node_info *out)
{
    struct node_info info = {0};
    struct json_object *object;
    enum err err;

    if (node_id.len == 0 || node_id.len >= sizeof(info.node_id) ||
        memchr(node_id.at, '\0', node_id.len)) {
        return ERR_BAD_VALUE;
    }
    err = json_parse_object(json, &object, NULL);
    if (err) {
        return err;
    }
    memcpy(info.node_id, node_id.at, node_id.len);
    err = decode_members(object, &info);
    if (!err) {
        *out = info;
    }
    json_object_put(object);
    return err;
}

void nodes_lease_command(
    struct command *c, const char *prefix, const char *node_id, const char *boot, int64_t ttl_ms)
{
    command_add_str(c, "SET");
    schema_add_lease(c, prefix, node_id);
    command_add_str(c, boot);
    command_add_str(c, "PX");
    command_add_int(c, ttl_ms);
    command_add_str(c, "GET");
}

void nodes_heartbeat_command(struct command *c, const char *prefix, const struct node_info *n)
{
    command_add_str(c, "HSET");
    schema_add_nodes(c, prefix);
    command_add_str(c, n->node_id);
    nodes_encode(n, command_begin(c));
    command_end(c);
}

void nodes_probe_command(struct command *c, const char *prefix, int64_t number, int64_t ttl_ms)
{
    command_add_str(c, "SET");
    schema_add_probe(c, prefix, number);
    command_add_str(c, "1");
    command_add_str(c, "PX");
    command_add_int(c, ttl_ms);
}

void nodes_release_command(
    struct command *c, const char *prefix, const char *node_id, const char *boot)
{
    command_start_script(c, &script_release, 1);
    schema_add_lease(c, prefix, node_id);
    command_add_str(c, boot);
}

void nodes_leave_command(
    struct command *c, const char *prefix, const char *node_id, const char *boot)
{
    command_start_script(c, &script_close, 1);
    schema_add_nodes(c, prefix);
    command_add_str(c, node_id);
    command_add_str(c, node_id);
    command_add_str(c, boot);
}

void nodes_list_command(struct command *c, const char *prefix)
{
    command_add_str(c, "HGETALL");
    schema_add_nodes(c, prefix);
}

enum err nodes_list_decode(const struct redisReply *reply, struct node_info **out, size_t *count)
{
    struct reply_reader r = reply_reader_of(reply);
    struct node_info *nodes = calloc(reply_length(&r) / 2 + 1, sizeof(*nodes));
    size_t found = 0;

    if (!nodes) {
        return ERR_NO_MEMORY;
    }
    while (reply_has_next(&r)) {
        struct slice node_id = reply_next_text(&r);
        struct slice json = reply_next_text(&r);

        if (!r.broken && !nodes_decode(node_id, json, &nodes[found])) {
            found++;
        }
    }
    if (reply_reader_err(&r)) {
        free(nodes);
        return ERR_INTERNAL;
    }
    *out = nodes;
    *count = found;
    return ERR_OK;
}

void nodes_get_lease_command(struct command *c, const char *prefix, const char *node_id)
{
    command_add_str(c, "GET");
    schema_add_lease(c, prefix, node_id);
}

void nodes_apply_lease(const struct redisReply *reply, struct node_info *n)
{
    struct slice boot = redis_reply_text(reply);

    if (!boot.at || !slice_equal(boot, n->boot)) {
        snprintf(n->state, sizeof(n->state), "dead");
    }
}
