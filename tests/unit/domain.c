/*
 * Registry, inbox and nodes on a private Redis, in a few words. The real clocks: a test that has
 * its own defines both functions of shared/clock.h itself.
 */
#include "tests/unit/domain.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"

struct redis_server server;
static struct config config;
static char url[128];
struct redis_sync *redis;

int domain_start(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    redis_server_start(&server, 0);
    snprintf(url, sizeof(url), "unix://%s", server.socket);
    config = (struct config){.redis_url = url,
        .redis_connect_timeout_ms = 2000,
        .redis_command_timeout_ms = 5000,
        .redis_retry_min_ms = 10,
        .redis_retry_max_ms = 20};
    return redis_sync_create(&config, &redis, NULL) ? -1 : 0;
}

int domain_stop(void **state)
{
    (void)state;
    redis_sync_destroy(redis);
    redis_server_stop(&server);
    return 0;
}

int domain_empty(void **state)
{
    (void)state;
    redis_server_do(&server, "FLUSHALL");
    return 0;
}

struct redis_sync *connect_to_nobody(void)
{
    static const struct config nobody = {.redis_url = "unix:///nonexistent/redis.sock",
        .redis_connect_timeout_ms = 10,
        .redis_command_timeout_ms = 10,
        .redis_retry_min_ms = 1,
        .redis_retry_max_ms = 1};
    struct redis_sync *made;

    assert_int_equal(redis_sync_create(&nobody, &made, NULL), ERR_OK);
    return made;
}

void beat(const char *node_id, const char *boot)
{
    struct node_info node = {.addr = "127.0.0.1:31882", .state = "ready", .version = "0.1.0"};
    struct command c;

    snprintf(node.node_id, sizeof(node.node_id), "%s", node_id);
    snprintf(node.boot, sizeof(node.boot), "%s", boot);
    command_init(&c);
    nodes_heartbeat_command(&c, PREFIX, &node);
    run_int(&c);
}

void take_lease(const char *node_id, const char *boot)
{
    struct command c;

    command_init(&c);
    nodes_lease_command(&c, PREFIX, node_id, boot, 9000);
    freeReplyObject(run(&c));
}

void lose_lease(const char *node_id)
{
    redis_server_do(&server, "DEL %snode:%s", PREFIX, node_id);
}

struct message_id id_of(const char *text)
{
    struct message_id id;

    assert_int_equal(message_id_parse(slice_of(text), &id), ERR_OK);
    return id;
}

redisReply *run(struct command *c)
{
    redisReply *reply = NULL;

    assert_int_equal(redis_sync_run(redis, c, 1, false, &reply), ERR_OK);
    command_finish(c);
    return reply;
}

int64_t run_int(struct command *c)
{
    redisReply *reply = run(c);
    int64_t answer = reply->integer;

    assert_int_equal(reply->type, REDIS_REPLY_INTEGER);
    freeReplyObject(reply);
    return answer;
}

const char *session_id(const char *name)
{
    static char ids[8][SESSION_ID_BYTES];
    static int next;
    char *id = ids[next++ % 8];

    memset(id, '-', SESSION_ID_BYTES - 1);
    memcpy(id, name, strlen(name));
    return id;
}

struct registry_entry session_at(const char *name, const char *key)
{
    struct registry_entry e = {.addr = "127.0.0.1:31882", .node_id = "n1", .boot = "boot1"};

    memcpy(e.session_id, session_id(name), sizeof(e.session_id));
    assert_int_equal(address_parse_key(slice_of(key), "key", &e.address, NULL), ERR_OK);
    e.since_ms = clock_wall_ms();
    e.until_ms = e.since_ms + TTL_MS;
    return e;
}

struct message_sent send_json_to_inbox_of(const char *json, int64_t inbox_max)
{
    static const struct message_rules rules = {
        .payload_max_bytes = 65536, .timeout_max_ms = 30000, .ttl_max_s = 604800};
    struct json_object *object;
    struct message message;
    struct message_item item = {.message = &message};
    struct message_sent sent;
    struct command c;
    redisReply *reply;

    assert_int_equal(json_parse_object(slice_of(json), &object, NULL), ERR_OK);
    assert_int_equal(message_parse(slice_of(json), object, "", &rules, &message, NULL), ERR_OK);
    assert_int_equal(message_hash(&message, item.hash), ERR_OK);
    command_init(&c);
    message_send_command(&c, PREFIX,
        &(struct message_send){.items = &item,
            .count = 1,
            .looks_up = true,
            .max_messages = inbox_max,
            .ttl_ms = 600000,
            .idempotency_window_ms = 60000});
    reply = run(&c);
    assert_int_equal(
        message_send_decode(reply, clock_wall_ms(), &message.target, 1, &sent), ERR_OK);
    freeReplyObject(reply);
    message_finish(&message);
    json_object_put(object);
    return sent;
}

struct message_sent send_json(const char *json)
{
    return send_json_to_inbox_of(json, 1000);
}

struct message_id send_and_forget(const char *json)
{
    struct message_sent sent = send_json(json);

    assert_true(sent.stored);
    message_sent_finish(&sent);
    return sent.id;
}

struct registry_opened open_as(const struct registry_open *o)
{
    struct registry_opened opened;
    struct command c;
    redisReply *reply;

    command_init(&c);
    registry_open_command(&c, PREFIX, o);
    reply = run(&c);
    assert_int_equal(registry_open_decode(reply, &opened), ERR_OK);
    freeReplyObject(reply);
    return opened;
}

struct registry_opened open_session(const struct registry_entry *e, const char *last_id)
{
    return open_as(&(struct registry_open){.entry = e,
        .ttl_ms = TTL_MS,
        .mode = REGISTRY_ALLOW,
        .alive = "",
        .last_id = last_id,
        .limits = {100, 1 << 20}});
}

void enter(const struct registry_entry *e)
{
    struct registry_opened opened = open_session(e, "");

    registry_opened_finish(&opened);
}

struct registry_refreshed refresh(const struct registry_entry *e, enum on_duplicate_mode mode)
{
    struct registry_refreshed refreshed;
    struct command c;
    redisReply *reply;

    command_init(&c);
    registry_refresh_command(&c, PREFIX, e, TTL_MS, mode, NULL);
    reply = run(&c);
    assert_int_equal(registry_refresh_decode(reply, &refreshed), ERR_OK);
    freeReplyObject(reply);
    return refreshed;
}

struct inbox_fetched fetch(const struct inbox_fetch *f)
{
    struct inbox_fetched fetched;
    struct command c;
    redisReply *reply;

    command_init(&c);
    inbox_fetch_command(&c, PREFIX, f);
    reply = run(&c);
    assert_int_equal(inbox_fetch_decode(reply, &fetched), ERR_OK);
    freeReplyObject(reply);
    return fetched;
}

void ack_as(const struct inbox_ack *a)
{
    struct inbox_ack ack = *a;
    struct command c;

    ack.ttl_ms = 600000;
    command_init(&c);
    inbox_ack_command(&c, PREFIX, &ack);
    run_int(&c);
}

void ack(const char *key, struct message_id id)
{
    struct address address;

    assert_int_equal(address_parse_key(slice_of(key), "key", &address, NULL), ERR_OK);
    ack_as(&(struct inbox_ack){.address = &address, .id = id});
}

size_t sessions_of(const char *user_id)
{
    struct registry_entry *entries;
    struct command c;
    redisReply *reply;
    size_t count;

    command_init(&c);
    registry_lookup_command(&c, PREFIX, user_id);
    reply = run(&c);
    assert_int_equal(registry_entries_decode(reply, clock_wall_ms(), &entries, &count), ERR_OK);
    freeReplyObject(reply);
    free(entries);
    return count;
}
