/*
 * Messages from clients as stream entries and as JSON.
 */
#include "shared/upstream.h"

#include <inttypes.h>
#include <string.h>

#include "shared/json.h"
#include "shared/schema.h"

/* Names and punctuation of a message, its ids and its address, every byte escaped. */
#define ENCODED_OVERHEAD_BYTES 8192

/* What stands between the quotes, unescaped. */
static void add_string_field(struct command *c, const char *name, struct slice string)
{
    if (string.len < 2) {
        return;
    }
    command_add_str(c, name);
    json_unescape((struct slice){string.at + 1, string.len - 2}, command_begin(c));
    command_end(c);
}

static void add_field(struct command *c, const char *name, const char *value)
{
    command_add_str(c, name);
    command_add_str(c, value);
}

void upstream_add_command(
    struct command *c, const char *prefix, int64_t stream_max, const struct upstream_message *m)
{
    char key[ADDRESS_KEY_BYTES];

    command_add_str(c, "XADD");
    schema_add_inbound(c, prefix);
    command_add_str(c, "MAXLEN");
    command_add_str(c, "~");
    command_add_int(c, stream_max);
    command_add_str(c, "*");
    add_field(c, "id", m->id);
    command_add_str(c, "time");
    command_add_int(c, m->time_ms);
    add_field(c, "sessionId", m->session_id);
    add_field(c, "key", address_format_key(&m->address, key));
    add_field(c, "userId", m->address.user_id);
    add_field(c, "serverClient", m->address.server_client);
    add_field(c, "page", m->address.page);
    add_field(c, "node", m->node_id);
    add_string_field(c, "to", m->to);
    add_string_field(c, "ref", m->ref);
    command_add_str(c, m->is_json ? "json" : "text");
    command_add(c, m->text.at, m->text.len);
}

static void add_member(struct buf *out, const char *name, const char *value)
{
    buf_addf(out, ",\"%s\":", name);
    buf_add_json_string(out, value, strlen(value));
}

static void add_raw_member(struct buf *out, const char *name, struct slice value)
{
    if (value.len > 0) {
        buf_addf(out, ",\"%s\":", name);
        buf_add(out, value.at, value.len);
    }
}

void upstream_encode(const struct upstream_message *m, struct buf *out)
{
    char key[ADDRESS_KEY_BYTES];

    buf_add_str(out, "{\"type\":\"message\"");
    add_member(out, "id", m->id);
    buf_addf(out, ",\"time\":%" PRId64, m->time_ms);
    add_member(out, "sessionId", m->session_id);
    add_member(out, "key", address_format_key(&m->address, key));
    add_member(out, "userId", m->address.user_id);
    add_member(out, "serverClient", m->address.server_client);
    add_member(out, "page", m->address.page);
    add_member(out, "node", m->node_id);
    add_raw_member(out, "to", m->to);
    add_raw_member(out, "ref", m->ref);
    if (m->is_json) {
        add_raw_member(out, "json", m->text);
    } else {
        buf_add_str(out, ",\"text\":");
        buf_add_json_string(out, m->text.at, m->text.len);
    }
    buf_add_char(out, '}');
}

size_t upstream_encoded_bytes_max(const struct upstream_message *m)
{
    return ENCODED_OVERHEAD_BYTES + m->to.len + m->ref.len + 6 * m->text.len;
}

struct slice upstream_reply_of(struct slice body)
{
    struct slice none = {NULL, 0};

    if (body.len == 0 || json_check(body, NULL, NULL) != ERR_OK) {
        return none;
    }
    return json_raw_member(body, "json");
}
