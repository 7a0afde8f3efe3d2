/*
 * One request, whichever way it came: over FastCGI, or to this process alone as plain CGI (RFC
 * 3875), by environment, standard input and output.
 */
#ifndef FCGI_SEND_REQUEST_H
#define FCGI_SEND_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/auth.h"

struct FCGX_Request;

struct request {
    struct FCGX_Request *fcgi; /* borrowed; NULL: plain CGI */
    int64_t body_timeout_ms;   /* longest pause in the body, for plain CGI */
    const char *method;        /* this and the rest: borrowed from the request; "" where absent */
    const char *uri;           /* with the query, percent-encoded */
    const char *script_name;   /* what the web server made of the path: the two together */
    const char *path_info;
    const char *query;
    const char *content_type; /* this and the rest: NULL where absent */
    const char *content_length;
    const char *authorization;
    const char *api_key;
    const char *idempotency_key;
    const struct auth_key *caller; /* borrowed; NULL until routes.c knows who calls */
    struct buf body;               /* owned */
    uint64_t unread; /* bytes of the body that were announced and not read: plain CGI */
    bool body_has_failed;
};

/* fcgi: an accepted request, whose socket limits the pauses by itself (SO_RCVTIMEO). */
void request_init(struct request *r, struct FCGX_Request *fcgi, int64_t body_timeout_ms);
void request_finish(struct request *r);

/*
 * Reads the body, which must be JSON by its type. ERR_WRONG_CONTENT_TYPE, ERR_LENGTH_REQUIRED,
 * ERR_BAD_LENGTH (not a number; or the body is shorter, also because it stopped coming, or longer),
 * ERR_BODY_TOO_LARGE, ERR_NO_MEMORY.
 */
enum err request_read_body(struct request *r, int64_t max_bytes, struct problem *p) MUST_CHECK;

/* Reads away what is left of the body, within reason: a web server that is still writing it might
 * not read the answer. */
void request_drain(struct request *r);
/* A CGI response. A web server that has gone is not worth a word. */
void request_answer(struct request *r, struct slice response);

#endif
