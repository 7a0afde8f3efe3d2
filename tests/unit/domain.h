/*
 * What the tests of registry, inbox and nodes say often, in a few words: run on a private Redis
 * through the real commands, scripts and decoders. Anything that fails on the way fails the test.
 */
#ifndef TESTS_UNIT_DOMAIN_H
#define TESTS_UNIT_DOMAIN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/inbox.h"
#include "shared/message_send.h"
#include "shared/nodes.h"
#include "shared/redis_sync.h"
#include "shared/registry.h"
#include "tests/unit/redis_server.h"

#define PREFIX "Test_"
#define TTL_MS 90000

extern struct redis_server server; /* of the group */
extern struct redis_sync *redis;   /* to it */

/* For cmocka_run_group_tests(): the server; and for each test: an empty Redis. */
int domain_start(void **state);
int domain_stop(void **state);
int domain_empty(void **state);

struct message_id id_of(const char *text);
#define assert_id_equal(a, b) assert_int_equal(message_id_compare(a, b), 0)
#define assert_slice_equal(actual, text)                                                           \
    do {                                                                                           \
        struct slice actual_ = (actual);                                                           \
        assert_int_equal(actual_.len, strlen(text));                                               \
        assert_memory_equal(actual_.at, text, strlen(text));                                       \
    } while (0)

/* A connection to nobody, with time-outs of a moment: redis_sync_destroy(). */
struct redis_sync *connect_to_nobody(void);

/* Runs and finishes c. The reply is the caller's: freeReplyObject(). */
redisReply *run(struct command *c);
int64_t run_int(struct command *c);

/* A session of node "n1" with boot "boot1" at a key; its id is `name` filled up with '-' to 22
 * characters. Valid for TTL_MS from now. */
struct registry_entry session_at(const char *name, const char *key);
const char *session_id(const char *name);

/* What a node does by the clock: its heartbeat, as "ready", and its lease. */
void beat(const char *node_id, const char *boot);
void take_lease(const char *node_id, const char *boot);
void lose_lease(const char *node_id);

/* Sends a message as a caller of POST /socketSend writes it, with an inbox of 1,000 messages. */
struct message_sent send_json(const char *json);
struct message_sent send_json_to_inbox_of(const char *json, int64_t inbox_max);
struct message_id send_and_forget(const char *json); /* the id */

/* Opens with on_duplicate = allow, in pages of 100. last_id may be "". */
struct registry_opened open_session(const struct registry_entry *e, const char *last_id);
struct registry_opened open_as(const struct registry_open *o);
void enter(const struct registry_entry *e); /* opens, and forgets the answer */
struct registry_refreshed refresh(const struct registry_entry *e, enum on_duplicate_mode mode);
struct inbox_fetched fetch(const struct inbox_fetch *f);
void ack(const char *key, struct message_id id);
void ack_as(const struct inbox_ack *a);

/* How many entries the registry has for a user (valid ones, as a sender sees them). */
size_t sessions_of(const char *user_id);

#endif
