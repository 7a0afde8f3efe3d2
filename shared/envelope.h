/*
 * What fcgi-send and a node say to each other on POST /forwardSend: encode and decode, no I/O.
 *
 * Request: one line of JSON, a newline, the payloads' bytes one after another:
 *   {"boot":"…","wait":"none","waitMs":0,
 *    "messages":[{"id":"…","prevId":"…","sessions":["…"],"bytes":213}, …]}\n<payload><payload>…
 * A non-durable message has "forwardId" (random, the same when a forward is repeated) instead of id
 * and prevId. A message for a group has "group":"pc:home" (group_name.h) and, if there are any,
 * "exclude":["…"] instead of sessions: the node knows its members. Answer, in the order of the
 * request, for groups with numbers instead of sessions:
 *   {"code":0,"msg":"ok","data":{"boot":"…","messages":[
 *     {"sessions":[{"sessionId":"…","status":"written","idleMs":840}]},
 *     {"queued":1,"written":2,"acked":0,"rejected":0}]}}
 *
 * Members that are not known are ignored: during an upgrade programs of two versions talk to each
 * other.
 */
#ifndef SHARED_ENVELOPE_H
#define SHARED_ENVELOPE_H

#include "shared/id.h"
#include "shared/message.h"

#define ENVELOPE_MEDIA_TYPE "application/x-socketsend-envelope"

/* What became of a message at one session: docs/guarantee.md. */
enum delivery_status {
    DELIVERY_QUEUED,
    DELIVERY_WRITTEN,
    DELIVERY_ACKED,
    DELIVERY_GONE,
    DELIVERY_UNREACHABLE, /* said by the sender, never by a node */
    DELIVERY_REJECTED,
    /* It is not for this session any more: the session began later, or was led past the message.
     * Said by nodes; a sender leaves the session out of its answer. */
    DELIVERY_PASSED,
    DELIVERY_CLOSED, /* of POST /socketClose: its node ends it */
    DELIVERY_STATUS_COUNT
};
const char *delivery_status_text(enum delivery_status s); /* "queued" */

struct envelope_message {
    bool durable;
    struct message_id id;      /* if durable */
    struct message_id prev_id; /* if durable: the entry before it in the inbox, {0,0} if none */
    char forward_id[SESSION_ID_BYTES];  /* if not durable */
    char group[GROUP_NAME_BYTES];       /* "": sessions has whom it is for, else whom it is not */
    char (*sessions)[SESSION_ID_BYTES]; /* owned when decoded; borrowed when encoding */
    size_t session_count;
    struct slice payload; /* borrowed: from the body when decoded */
};

struct envelope {
    char boot[BOOT_ID_BYTES];
    enum message_wait wait;
    int64_t wait_ms;
    struct envelope_message *messages; /* owned when decoded; borrowed when encoding */
    size_t message_count;
    /* Of the single form only: whose the session must be; "" where it was not said. */
    struct address owner;
    char owner_user_id[ADDRESS_PART_BYTES_MAX + 1];
};

void envelope_encode(const struct envelope *e, struct buf *out); /* errors stick to out */
/*
 * ERR_BAD_ENVELOPE, ERR_NO_MEMORY, or what json.h says, with the field. At most
 * ENVELOPE_MESSAGES_MAX messages and ENVELOPE_SESSIONS_MAX sessions in all, at least one message,
 * and one session of each that is not for a group; waitMs is at most ENVELOPE_WAIT_MS_MAX.
 * Lengths must add up exactly. Every payload must be a JSON object that json_check() passes. The
 * caller finishes e after ERR_OK.
 */
enum err envelope_decode(struct slice body, struct envelope *out, struct problem *p) MUST_CHECK;
/*
 * The article's form, Content-Type application/json:
 *   {"sessionId","key","userId","json","msgInfo","msgTitle","destUrl"}
 * One non-durable message for one session; boot is "" and not to be checked. key and userId may be
 * left out; where they are there, they go to owner and owner_user_id: a caller whose sessionId is
 * another user's must not reach that user. payload_store is the caller's and holds the payload; its
 * cap is the message's (ERR_PAYLOAD_TOO_LARGE).
 */
enum err envelope_decode_single(struct slice body, struct envelope *out, struct buf *payload_store,
    struct problem *p) MUST_CHECK;
void envelope_finish(struct envelope *e); /* of a decoded one */

struct envelope_status {
    char session_id[SESSION_ID_BYTES];
    enum delivery_status status;
    int64_t idle_ms; /* since the peer last proved to be alive; -1 where there is no such session */
};
/* How many members of a group there are of each status. */
struct envelope_counts {
    int64_t with[DELIVERY_STATUS_COUNT];
};
/* Those that are meant: neither gone nor passed. */
int64_t envelope_counts_matched(const struct envelope_counts *c);
struct envelope_answer_message {
    struct envelope_status *sessions; /* owned by the answer when decoded; NULL if is_group */
    size_t session_count;
    bool is_group;                 /* what is told of it is counts */
    struct envelope_counts counts; /* if is_group */
};
/* From a group's sessions, which are freed, to counts. */
void envelope_answer_count(struct envelope_answer_message *m);
struct envelope_answer {
    char boot[BOOT_ID_BYTES];
    struct envelope_answer_message *messages; /* owned when decoded */
    size_t message_count;
};
/* A group's sessions must have been counted. */
void envelope_answer_encode(const struct envelope_answer *a, struct buf *out);
/* ERR_BAD_ENVELOPE, ERR_NO_MEMORY, or what json.h says. The caller finishes out after ERR_OK. */
enum err envelope_answer_decode(
    struct slice body, struct envelope_answer *out, struct problem *p) MUST_CHECK;
void envelope_answer_finish(struct envelope_answer *a); /* frees messages and their sessions */

#endif
