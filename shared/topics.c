/*
 * The commands of groups and the decoding of their replies. What must be atomic is in the scripts
 * (lua/topic_*.lua).
 */
#include "shared/topics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shared/group_name.h"
#include "shared/http_text.h"
#include "shared/parse.h"
#include "shared/redis_reply.h"
#include "shared/schema.h"

void topics_join_command(struct command *c, const char *prefix, const char *group,
    const struct registry_entry *node, int64_t ttl_ms)
{
    bool has_log = group_name_is_topic(group);

    command_start_script(c, &script_topic_join, 2);
    schema_add_topic(c, prefix, group);
    if (has_log) {
        schema_add_topic_log(c, prefix, group);
    } else {
        schema_add_topic_close(c, prefix, group);
    }
    command_add_str(c, node->node_id);
    buf_addf(command_begin(c), "%s %s %" PRId64, node->boot, node->addr, node->until_ms);
    command_end(c);
    command_add_int(c, ttl_ms);
    command_add_str(c, has_log ? "log" : "close");
}

enum err topics_join_decode(const struct redisReply *reply, struct topics_joined *out)
{
    struct reply_reader r = reply_reader_of(reply);
    struct topics_joined joined = {.position = reply_next_id(&r)};
    int64_t at_ms = reply_next_int(&r);
    int64_t code = reply_next_int(&r);
    struct slice reason = reply_next_text(&r);
    enum err err = reply_reader_err(&r);

    if (err) {
        return err;
    }
    if (dismissal_read(code, reason, &joined.order.how)) {
        joined.order.at_ms = at_ms;
    }
    *out = joined;
    return ERR_OK;
}

void topics_leave_command(
    struct command *c, const char *prefix, const char *group, const struct registry_entry *node)
{
    command_start_script(c, &script_topic_leave, 1);
    schema_add_topic(c, prefix, group);
    command_add_str(c, node->node_id);
    command_add_str(c, node->boot);
    command_add_int(c, node->until_ms);
}

void topics_dismiss_command(
    struct command *c, const char *prefix, const char *group, const struct dismissal *how)
{
    command_start_script(c, &script_topic_dismiss, 2);
    schema_add_topic(c, prefix, group);
    schema_add_topic_close(c, prefix, group);
    command_add_int(c, how->code);
    command_add_str(c, how->reason);
    command_add_int(c, DISMISSAL_TTL_MS);
}

/* false: it is empty, does not fit, or has a NUL. */
static bool copy(struct slice text, char *out, size_t out_bytes)
{
    if (text.len == 0 || text.len >= out_bytes || memchr(text.at, '\0', text.len)) {
        return false;
    }
    memcpy(out, text.at, text.len);
    out[text.len] = '\0';
    return true;
}

static bool decode_node(struct slice node_id, struct slice value, struct registry_entry *out)
{
    struct registry_entry node = {0};
    uint64_t until_ms;

    if (!copy(node_id, node.node_id, sizeof(node.node_id)) ||
        !copy(http_text_until(&value, " "), node.boot, sizeof(node.boot)) ||
        !copy(http_text_until(&value, " "), node.addr, sizeof(node.addr)) ||
        parse_u64(value, INT64_MAX, &until_ms)) {
        return false;
    }
    node.until_ms = (int64_t)until_ms;
    *out = node;
    return true;
}

void topics_nodes_command(struct command *c, const char *prefix, const char *group)
{
    command_add_str(c, "HGETALL");
    schema_add_topic(c, prefix, group);
}

/* Nodes that do not decode are left out: they are none of ours. */
enum err topics_nodes_decode(const struct redisReply *reply, int64_t now_wall_ms,
    struct registry_entry **out, size_t *out_count)
{
    struct reply_reader r = reply_reader_of(reply);
    struct registry_entry *nodes = calloc(reply_length(&r) / 2 + 1, sizeof(*nodes));
    size_t count = 0;

    if (!nodes) {
        return ERR_NO_MEMORY;
    }
    while (reply_has_next(&r)) {
        struct slice node_id = reply_next_text(&r);
        struct slice value = reply_next_text(&r);

        if (!r.broken && decode_node(node_id, value, &nodes[count]) &&
            nodes[count].until_ms > now_wall_ms) {
            count++;
        }
    }
    if (reply_reader_err(&r)) {
        free(nodes);
        return ERR_INTERNAL;
    }
    *out = nodes;
    *out_count = count;
    return ERR_OK;
}

enum err topics_dismiss_decode(const struct redisReply *reply, int64_t now_wall_ms, int64_t *at_ms,
    struct registry_entry **out, size_t *count)
{
    struct reply_reader r = reply_reader_of(reply);
    int64_t ordered_ms = reply_next_int(&r);
    const struct redisReply *nodes = reply_next(&r);
    enum err err = reply_reader_err(&r);

    if (!err) {
        err = topics_nodes_decode(nodes, now_wall_ms, out, count);
    }
    if (!err) {
        *at_ms = ordered_ms;
    }
    return err;
}

static void add_id(struct command *c, struct message_id id)
{
    char text[MESSAGE_ID_BYTES];

    command_add_str(c, message_id_format(id, text));
}

void topics_fetch_command(struct command *c, const char *prefix, const struct topics_fetch *f)
{
    command_start_script(c, &script_topic_fetch, 2);
    schema_add_topic_log(c, prefix, f->topic);
    schema_add_topic(c, prefix, f->topic);
    if (f->from_now) {
        command_add_str(c, "");
    } else {
        add_id(c, f->after);
    }
    inbox_add_limits(c, &f->limits);
    command_add_str(c, f->session_id);
    command_add_int(c, f->touch_ms);
}

enum err topics_fetch_decode(const struct redisReply *reply, struct topics_fetched *out)
{
    struct reply_reader r = reply_reader_of(reply);
    struct topics_fetched fetched = {.recovered = reply_next_int(&r) != 0};

    fetched.start = reply_next_id(&r);
    enum err err = inbox_page_read(&r, &fetched.page);
    if (!err) {
        *out = fetched;
    }
    return err;
}

void topics_touch_command(struct command *c, const char *prefix, const char *topic, int64_t ttl_ms)
{
    command_add_str(c, "PEXPIRE");
    schema_add_topic_log(c, prefix, topic);
    command_add_int(c, ttl_ms);
}

void topics_entry_command(
    struct command *c, const char *prefix, const char *topic, struct message_id id)
{
    command_add_str(c, "XRANGE");
    schema_add_topic_log(c, prefix, topic);
    add_id(c, id);
    add_id(c, id);
}
