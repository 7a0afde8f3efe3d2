/*
 * HTTP/1.1 answers as bytes, the same for the public and the internal listener. No I/O.
 */
#ifndef WSNODE_HTTP_ANSWER_H
#define WSNODE_HTTP_ANSWER_H

#include <stdbool.h>

#include "shared/buf.h"

struct http_answer {
    int status;
    const char *content_type; /* NULL: application/json */
    const char *allow;        /* methods, for 405; NULL: no Allow header */
    int retry_after_s;        /* with 429 and 503; 0: a second */
    struct slice body;
    bool closes; /* the connection ends after it */
};

/* Adds status line, the headers that belong to the status, and the body. Errors stick to out. */
void http_answer_encode(const struct http_answer *a, struct buf *out);
/* {"code","msg","data":{"field"}}: how every error looks. */
void http_answer_problem_body(const struct problem *p, struct buf *out);

#endif
