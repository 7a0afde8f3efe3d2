/*
 * What fcgi-send and a node say to each other on POST /forwardSend: encode and decode, no I/O.
 *
 * Request: one line of JSON, a newline, the payloads' bytes one after another:
 *   {"boot":"…","waitMs":0,"wait":"none","messages":[{"id":"…","prevId":"…","sessions":["…"],"bytes":213}, …]}\n<payload>…
 * A non-durable message has "forwardId" (random, the same when a forward is repeated) instead of id and prevId.
 * Answer: {"code":0,"msg":"ok","data":{"boot":"…","messages":[{"sessions":[{"sessionId":"…","status":"written","idleMs":840}]}]}}
 * in the order of the request.
 */
#ifndef SHARED_ENVELOPE_H
#define SHARED_ENVELOPE_H

#include "shared/id.h"
#include "shared/message.h"

/* What became of a message at one session: docs/api.md. The text is in envelope.c's table. */
enum delivery_status {
    DELIVERY_QUEUED,
    DELIVERY_WRITTEN,
    DELIVERY_ACKED,
    DELIVERY_GONE,
    DELIVERY_UNREACHABLE, /* said by the sender, never by a node */
    DELIVERY_REJECTED,
    DELIVERY_STATUS_COUNT
};
const char *delivery_status_text(enum delivery_status s);

struct envelope_message {
    bool durable;
    struct message_id id;      /* if durable */
    struct message_id prev_id; /* if durable: the entry before it in the inbox, {0,0} if none */
    char forward_id[SESSION_ID_BYTES]; /* if not durable */
    char (*sessions)[SESSION_ID_BYTES]; /* owned by the envelope when decoded; borrowed when encoding */
    size_t session_count;
    struct slice payload; /* borrowed from the body when decoded */
};

struct envelope {
    char boot[BOOT_ID_BYTES];
    enum message_wait wait;
    int64_t wait_ms;
    struct envelope_message *messages; /* owned when decoded */
    size_t message_count;
};

void envelope_encode(const struct envelope *e, struct buf *out); /* errors stick to out */
/* ERR_BAD_ENVELOPE, or what json.h says, with the field. At most 1,000 messages and 100,000 sessions in all. Lengths must add up
 * exactly. Every payload must be a JSON object that json_check() passes. e is finished by the caller after ERR_OK. */
enum err envelope_decode(struct slice body, struct envelope *out, struct problem *p) MUST_CHECK;
/* The article's form, Content-Type application/json: {"sessionId","key","userId","json","msgInfo","msgTitle","destUrl"}: one
 * non-durable message for one session, boot not checked. payload_store holds the payload; the caller's. */
enum err envelope_decode_single(struct slice body, struct envelope *out, struct buf *payload_store, struct problem *p) MUST_CHECK;
void envelope_finish(struct envelope *e);

struct envelope_status {
    char session_id[SESSION_ID_BYTES];
    enum delivery_status status;
    int64_t idle_ms; /* since the peer last proved to be alive; -1 where there is no such session */
};
struct envelope_answer_message {
    struct envelope_status *sessions; /* owned by the answer when decoded */
    size_t session_count;
};
struct envelope_answer {
    char boot[BOOT_ID_BYTES];
    struct envelope_answer_message *messages;
    size_t message_count;
};
void envelope_answer_encode(const struct envelope_answer *a, struct buf *out);
enum err envelope_answer_decode(struct slice body, struct envelope_answer *out, struct problem *p) MUST_CHECK;
void envelope_answer_finish(struct envelope_answer *a);

#endif
