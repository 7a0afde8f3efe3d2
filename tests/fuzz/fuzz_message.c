/*
 * A message of POST /socketSend. Its payload is JSON, and a message that is made of the payload has
 * the same payload again.
 */
#include "shared/message.h"

#include "tests/fuzz/fuzz.h"

static const struct message_rules rules = {.payload_max_bytes = 65536,
    .timeout_max_ms = 30000,
    .ttl_max_s = 604800,
    .history = "news/**",
    .history_ttl_max_s = 3600};

static bool parse(struct slice text, struct message *out)
{
    struct json_object *object;
    struct problem p;

    if (json_parse_object(text, &object, &p)) {
        return false;
    }
    enum err err = message_parse(text, object, "messages[0]", &rules, out, &p);
    json_object_put(object);
    return err == ERR_OK;
}

static void check_fields(const struct message *m)
{
    char hash[MESSAGE_HASH_BYTES];

    assert(*m->target.user_id && (!*m->target.page || *m->target.server_client));
    assert(!m->durable || !*m->target.session_id);
    assert(m->timeout_ms >= 0 && m->timeout_ms <= rules.timeout_max_ms);
    assert(m->ttl_s >= 0 && m->ttl_s <= rules.ttl_max_s);
    assert(m->exclude_count <= MESSAGE_EXCLUDE_MAX);
    assert(message_hash(m, hash) == ERR_OK && strlen(hash) == MESSAGE_HASH_BYTES - 1);
}

static void check_payload(struct slice payload)
{
    struct message again;
    struct buf text;

    assert(fuzz_is_json(payload) && payload.at[0] == '{' && payload.len > 2);
    buf_init(&text, payload.len + 16);
    buf_add_str(&text, "{\"userId\":\"u\",");
    buf_add(&text, payload.at + 1, payload.len - 1);
    assert(parse(fuzz_bytes(&text), &again));
    assert(fuzz_equal(fuzz_bytes(&again.payload), payload));
    message_finish(&again);
    buf_finish(&text);
}

void fuzz(struct slice input)
{
    struct message m;

    if (parse(input, &m)) {
        check_fields(&m);
        check_payload(fuzz_bytes(&m.payload));
        message_finish(&m);
    }
}
