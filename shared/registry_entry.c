/*
 * Entries as JSON.
 */
#include "shared/registry_entry.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/redis_reply.h"

#define FIELD(name) ((struct json_field){object, "", name})

void registry_entry_encode(const struct registry_entry *e, struct buf *out)
{
    char key[ADDRESS_KEY_BYTES];

    buf_add_char(out, '{');
    buf_add_json_member(out, "ip", e->addr);
    buf_add_json_member(out, "node", e->node_id);
    buf_add_json_member(out, "boot", e->boot);
    buf_add_json_member(out, "key", address_format_key(&e->address, key));
    buf_add_json_member(out, "userId", e->address.user_id);
    buf_addf(out, "\"since\":%" PRId64 ",\"until\":%" PRId64 "}", e->since_ms, e->until_ms);
}

static enum err decode_members(struct json_object *object, struct registry_entry *e)
{
    struct slice key = slice_of("");
    enum err err;

    if ((err = json_copy_string(FIELD("ip"), e->addr, sizeof(e->addr), NULL)) ||
        (err = json_copy_string(FIELD("node"), e->node_id, sizeof(e->node_id), NULL)) ||
        (err = json_copy_string(FIELD("boot"), e->boot, sizeof(e->boot), NULL)) ||
        (err = json_get_string(FIELD("key"), &key, NULL)) ||
        (err = address_parse_key(key, "key", &e->address, NULL)) ||
        (err = json_get_int(FIELD("since"), 0, INT64_MAX, &e->since_ms, NULL)) ||
        (err = json_get_int(FIELD("until"), 0, INT64_MAX, &e->until_ms, NULL))) {
        return err;
    }
    return ERR_OK;
}

enum err registry_entry_decode(
    struct slice session_id, struct slice json, struct registry_entry *out)
{
    struct registry_entry entry = {0};
    struct json_object *object;
    enum err err;

    if (!id_is_session(session_id)) {
        return ERR_BAD_VALUE;
    }
    err = json_parse_object(json, &object, NULL);
    if (err) {
        return err;
    }
    memcpy(entry.session_id, session_id.at, session_id.len);
    err = decode_members(object, &entry);
    if (!err) {
        *out = entry;
    }
    json_object_put(object);
    return err;
}

enum err registry_entries_decode(
    const struct redisReply *reply, int64_t now_wall_ms, struct registry_entry **out, size_t *count)
{
    struct reply_reader r = reply_reader_of(reply);
    struct registry_entry *entries = calloc(reply_length(&r) / 2 + 1, sizeof(*entries));
    size_t found = 0;

    if (!entries) {
        return ERR_NO_MEMORY;
    }
    while (reply_has_next(&r)) {
        struct slice session_id = reply_next_text(&r);
        struct slice json = reply_next_text(&r);

        if (!r.broken && !registry_entry_decode(session_id, json, &entries[found]) &&
            entries[found].until_ms > now_wall_ms) {
            found++;
        }
    }
    if (reply_reader_err(&r)) {
        free(entries);
        return ERR_INTERNAL;
    }
    *out = entries;
    *count = found;
    return ERR_OK;
}
