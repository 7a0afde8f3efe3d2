/*
 * A message as the caller of POST /socketSend writes it: parse, check, serialise. docs/api.md has
 * the fields.
 */
#ifndef SHARED_MESSAGE_H
#define SHARED_MESSAGE_H

#include "shared/id.h"
#include "shared/json.h"
#include "shared/target.h"

enum message_wait { MESSAGE_WAIT_NONE, MESSAGE_WAIT_WRITTEN, MESSAGE_WAIT_ACK };

struct message {
    struct target target;
    char message_id[CLIENT_MESSAGE_ID_BYTES_MAX + 1]; /* "" where the caller gave none */
    struct buf payload;                /* owned: what message_encode_payload() makes */
    char (*exclude)[SESSION_ID_BYTES]; /* owned; NULL: none */
    size_t exclude_count;
    bool durable;
    int64_t ttl_s; /* 0: as long as the inbox keeps it */
    enum message_wait wait;
    int64_t timeout_ms; /* of the wait; 0 without one */
};

struct message_rules {
    int64_t payload_max_bytes;
    int64_t timeout_max_ms;
    int64_t ttl_max_s;
    const char *history; /* patterns of topics that keep their messages; NULL: none does */
    int64_t history_ttl_max_s;
};

/*
 * text: one JSON object that json_check() passed, and object its parsed form; path as in json.h.
 * Besides what json.h, address.h and target.h say of single fields (ERR_UNKNOWN_FIELD,
 * ERR_WRONG_TYPE, ERR_OUT_OF_RANGE, ERR_BAD_ADDRESS, …), with the field in p:
 *   ERR_NO_PAYLOAD         neither json nor msgInfo
 *   ERR_PAYLOAD_TOO_LARGE
 *   ERR_BAD_VALUE          an element of exclude is no session id; durable with sessionId (an id
 *                          never comes back, so nothing could ever fetch it) or with a group that
 *                          nothing is kept for; ttl of a message that is not durable; a wait that
 *                          is not none, written or ack; timeoutMs without a wait
 *   ERR_OUT_OF_RANGE       more than MESSAGE_EXCLUDE_MAX elements in exclude; ttl not 1 to
 *                          ttl_max_s, or to history_ttl_max_s of a topic; timeoutMs not 1 to
 *                          timeout_max_ms
 *
 * Defaults: durable true, but false with sessionId and for groups without history; wait none;
 * timeoutMs 2000, cut to timeout_max_ms. message_finish() is needed after ERR_OK only.
 */
enum err message_parse(struct slice text, struct json_object *object, const char *path,
    const struct message_rules *rules, struct message *out, struct problem *p) MUST_CHECK;
void message_finish(struct message *m);
/* Only wait and timeoutMs of an object. */
enum err message_parse_wait(struct json_object *object, const char *path,
    const struct message_rules *rules, enum message_wait *wait, int64_t *timeout_ms,
    struct problem *p) MUST_CHECK;

/* Sets or replaces the messageId (the header Idempotency-Key). ERR_BAD_ADDRESS with p->field =
 * field. */
enum err message_set_id(
    struct message *m, struct slice id, const char *field, struct problem *p) MUST_CHECK;

/*
 * Adds {"msgTitle":…,"msgInfo":…,"destUrl":…,"json":…} to out, only the members that object has,
 * each as its bytes stand in text. ERR_NO_PAYLOAD, ERR_WRONG_TYPE, ERR_PAYLOAD_TOO_LARGE (out's
 * cap).
 */
enum err message_encode_payload(struct slice text, struct json_object *object, const char *path,
    struct buf *out, struct problem *p) MUST_CHECK;

/* Hex SHA-256 of what must be equal in a retry: payload, target, durable. ERR_NO_MEMORY. */
#define MESSAGE_HASH_BYTES 65
enum err message_hash(const struct message *m, char out[MESSAGE_HASH_BYTES]) MUST_CHECK;

#endif
