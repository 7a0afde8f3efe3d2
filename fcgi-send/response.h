/*
 * What a request is answered with: status, headers and body, as a CGI response (RFC 3875 6). No
 * I/O.
 */
#ifndef FCGI_SEND_RESPONSE_H
#define FCGI_SEND_RESPONSE_H

#include <stdbool.h>

#include "shared/buf.h"

/* A page of GET /history stops growing far below that, and one message of send.message_max (16m at
 * most) still fits. */
#define RESPONSE_BYTES_MAX (64 * 1024 * 1024)

struct response {
    struct problem problem;   /* ERR_OK: it went well */
    struct buf data;          /* owned: the value of "data", as JSON */
    const char *content_type; /* NULL: JSON. Else data is the whole body. Borrowed */
    const char *allow;        /* NULL, or the methods that the path takes: for 405. Borrowed */
    bool replayed;            /* the answer to a messageId that was seen before */
};

void response_init(struct response *r);
void response_finish(struct response *r);
/* What stands before an answer's data, and a '}' behind it. */
#define RESPONSE_OK "{\"code\":0,\"msg\":\"ok\",\"data\":"
/* The body that tells a problem. */
void response_encode_problem(const struct problem *p, struct buf *out);
/* The whole response. Data that did not fit becomes a 500; errors stick to out. */
void response_encode(const struct response *r, struct buf *out);

#endif
