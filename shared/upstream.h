/*
 * What a client sent, on its way to the backend: an entry of the stream P + "inbound", or the body
 * of a call. docs/upstream.md says what consumers find in both. Nothing here talks to anybody;
 * conventions as in registry.h.
 */
#ifndef SHARED_UPSTREAM_H
#define SHARED_UPSTREAM_H

#include "shared/address.h"
#include "shared/command.h"

struct upstream_message {
    const char *id; /* unique, and the same each time that the message is tried again */
    const char *session_id;
    const char *node_id;
    struct address address;
    int64_t time_ms; /* wall clock: when it came */
    /* JSON strings as the client wrote them, quotes and all; len 0: none. */
    struct slice to;
    struct slice ref;
    struct slice text; /* JSON, or any text */
    bool is_json;
};

/* XADD; stream_max: upstream.stream_max. */
void upstream_add_command(
    struct command *c, const char *prefix, int64_t stream_max, const struct upstream_message *m);
void upstream_encode(const struct upstream_message *m, struct buf *out); /* errors stick to out */
/* The longest that a message of so many bytes can become by upstream_encode(). */
size_t upstream_encoded_bytes_max(const struct upstream_message *m);
/* The value of the backend's answer's member "json", borrowed; len 0: it has none, or is no JSON.
 */
struct slice upstream_reply_of(struct slice body);

#endif
