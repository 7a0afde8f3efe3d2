/*
 * HTTP calls to the operator's backend, from the worker's loop: libcurl's multi interface on libuv.
 * None holds up the loop, names included (libcurl resolves them on a thread). Connections are kept,
 * and so many are open at most; calls beyond them wait, and their time runs.
 */
#ifndef WSNODE_HTTP_CLIENT_H
#define WSNODE_HTTP_CLIENT_H

#include "shared/buf.h"

struct node;
struct http_client;
struct http_post; /* one that is under way */

struct http_call {
    const char *url;            /* http:// or https://, whose certificate is checked */
    const char *const *headers; /* whole lines, without an end of line */
    size_t header_count;
    struct slice body; /* what is POSTed */
    int64_t timeout_ms;
    size_t answer_max_bytes; /* a longer one is none */
};

struct http_reply {
    int status;        /* 0: none came */
    struct slice body; /* borrowed */
    const char *why;   /* none came; borrowed */
};
/* Never from inside of http_client_post(). */
typedef void http_client_done(struct node *n, const struct http_reply *reply, void *arg);

/* max_connections: at a time. NULL: no memory. */
struct http_client *http_client_create(struct node *n, int64_t max_connections);
/* Calls under way end, and their done is called with no reply; handles are closed. */
void http_client_stop(struct http_client *c);
void http_client_destroy(struct http_client *c); /* once the loop has run out */

/* All is copied. *out (out may be NULL) is the client's, and there until done is called.
 * ERR_NO_MEMORY, ERR_INTERNAL (stopped; a URL that libcurl does not take). */
enum err http_client_post(struct http_client *c, const struct http_call *call,
    http_client_done *done, void *arg, struct http_post **out) MUST_CHECK;
/* Its done is not called. What has been sent may still be answered, but nobody hears. */
void http_client_cancel(struct http_post *post);

#endif
