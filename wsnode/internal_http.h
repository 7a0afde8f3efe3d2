/*
 * The internal listener: HTTP for senders and operators, with the cluster secret. This header is
 * for the routes (internal_*.c) and for node_run.c.
 */
#ifndef WSNODE_INTERNAL_HTTP_H
#define WSNODE_INTERNAL_HTTP_H

#include "wsnode/hash.h"
#include "wsnode/node.h"

struct lws;
struct internal_request;

struct internal_route {
    const char *method;
    const char *path;
    bool is_open;       /* no secret is asked for */
    bool wants_json;    /* 415 for any other content type */
    bool needs_no_body; /* a POST may come without Content-Length */
    bool is_forward;    /* node.max_forwards are held at the same time */
    /* Called once the body is there: answers, or awaits a delivery. */
    void (*run)(struct internal_request *r);
};

/* One call, from its head to the end of its answer. */
struct internal_request {
    struct node *node;
    struct lws *wsi;                    /* borrowed */
    const struct internal_route *route; /* borrowed */
    bool is_json;                       /* Content-Type: application/json */
    struct buf body;
    struct buf answer;   /* with headroom for libwebsockets; empty until there is one */
    uint64_t delivery;   /* awaited; 0: none */
    UT_hash_handle hash; /* by delivery */
    bool has_body;       /* run() is called at its end, else at once */
    bool is_held;        /* counts as a forward */
    bool is_refused;     /* too many forwards: its body is not kept */
    bool started;        /* run() was called */
    bool closes;         /* the connection ends after the answer */
};

/* Listens on the configured port + number; *port says which that is. n->internal_http. */
enum err internal_http_create(
    struct node *n, int number, uint16_t *port, struct problem *p) MUST_CHECK;
void internal_http_destroy(struct node *n);

/* For routes. Each call is answered once. */
void internal_answer(
    struct internal_request *r, int status, const char *content_type, struct slice body);
void internal_fail(struct internal_request *r, const struct problem *p);
/* The answer comes with deliver_on_done(). */
void internal_await(struct internal_request *r, uint64_t delivery);
/* The one that awaits this delivery; NULL: its caller has gone. */
struct internal_request *internal_find_awaiting(const struct node *n, uint64_t delivery);

/* internal_head.c */

/* Finds the route and checks what its body will be. On ERR_WRONG_METHOD, *allow has the methods. */
enum err internal_check_head(
    struct internal_request *r, const char *path, const char **allow, struct problem *p) MUST_CHECK;
/* A query argument, decoded; "" where there is none. ERR_BAD_QUERY or ERR_URI_TOO_LONG if it or the
 * whole query is too long. */
enum err internal_query(const struct internal_request *r, const char *name, char *out,
    size_t out_bytes, struct problem *p) MUST_CHECK;

/* internal_routes.c. ERR_UNKNOWN_PATH; ERR_WRONG_METHOD, with the methods in *allow. */
enum err internal_route_find(const char *path, const char *method,
    const struct internal_route **out, const char **allow) MUST_CHECK;

/* internal_forward.c, internal_close.c, internal_presence.c, internal_sessions.c */
void internal_forward_send(struct internal_request *r);
void internal_forward_close(struct internal_request *r);
void internal_presence(struct internal_request *r);
void internal_sessions(struct internal_request *r);

#endif
