/*
 * The end of sessions that the backend wants: with which code and reason, and how fcgi-send tells a
 * node which ones, on POST /forwardClose. Encode and decode, no I/O.
 *
 * Request: {"sessions":["…"],"code":4010,"reason":"…"}. Answer: {"code":0,"msg":"ok",
 * "data":{"closed":2,"gone":["…"]}}: those that the node does not have; it ends the others.
 * Of a page, a serverClient or all: {"boot":"…","group":"pc:home","at":<ms>,"code":…,"reason":"…"},
 * with the time of the order in Redis; the node ends whom it has there, once for each order.
 */
#ifndef SHARED_DISMISSAL_H
#define SHARED_DISMISSAL_H

#include "shared/json.h"
#include "shared/limits.h"

/* Where nothing else is said; as in wsnode's close_reasons.def. */
#define DISMISSAL_CODE_DEFAULT 4010
#define DISMISSAL_REASON_DEFAULT "closed by the backend"

struct dismissal {
    uint16_t code;                           /* RFC 6455 7.4 */
    char reason[CLOSE_REASON_BYTES_MAX + 1]; /* UTF-8 */
};

/* May a server send that code? RFC 6455 7.4. */
bool dismissal_is_code(int64_t code);
/* From what Redis has; somebody else may have written it. false: no server may send that. */
bool dismissal_read(int64_t code, struct slice reason, struct dismissal *out) MUST_CHECK;
/* Leaves out as it is where there is no reason. ERR_WRONG_TYPE, ERR_BAD_VALUE (more than
 * CLOSE_REASON_BYTES_MAX bytes), ERR_NUL_BYTE. */
enum err dismissal_parse_reason(
    struct json_object *object, char out[CLOSE_REASON_BYTES_MAX + 1], struct problem *p) MUST_CHECK;

void dismissal_encode(const struct dismissal *c, char (*session_ids)[SESSION_ID_BYTES],
    size_t count, struct buf *out); /* errors stick to out */

/* An order that is about a group of sessions. */
struct dismissal_order {
    int64_t at_ms; /* when Redis got it, by its clock; 0: there is none */
    struct dismissal how;
};
void dismissal_encode_group(
    const struct dismissal_order *o, const char *boot, const char *group, struct buf *out);

struct dismissal_answer {
    int64_t closed;
    char (*gone)[SESSION_ID_BYTES]; /* owned when decoded: free() */
    size_t gone_count;
};
/* ERR_BAD_ENVELOPE, ERR_NO_MEMORY, or what json.h says. */
enum err dismissal_answer_decode(struct slice body, struct dismissal_answer *out) MUST_CHECK;

/* An array of session ids. ERR_BAD_VALUE names the element; the caller frees *out after ERR_OK. */
enum err dismissal_parse_sessions(struct json_field f, char (**out)[SESSION_ID_BYTES],
    size_t *count, struct problem *p) MUST_CHECK;

#endif
