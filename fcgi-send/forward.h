/*
 * POST /forwardSend, /forwardClose or /presence to several nodes at the same time, through
 * connections that are kept. One forwarder per thread: neither it nor its connections are shared.
 */
#ifndef FCGI_SEND_FORWARD_H
#define FCGI_SEND_FORWARD_H

#include "shared/config.h"
#include "shared/dismissal.h"
#include "shared/envelope.h"
#include "shared/err.h"
#include "shared/headcount.h"

struct forwarder;

enum forward_call { FORWARD_SEND, FORWARD_CLOSE, FORWARD_PRESENCE, FORWARD_CALL_COUNT };

enum forward_outcome {
    FORWARD_ANSWERED,   /* as agreed */
    FORWARD_REFUSED,    /* nobody listens at the address any more */
    FORWARD_WRONG_BOOT, /* another node listens there */
    FORWARD_BUSY,       /* the node has too many forwards, and took nothing */
    FORWARD_DECLINED,   /* the node is well, but does not take this forward */
    FORWARD_FAILED, /* no answer in time, or 5xx: the node may have it or not, and fares badly */
};

struct forward {
    enum forward_call call;
    const char *addr;  /* borrowed: as in shared/nodes.h */
    struct slice body; /* borrowed: what envelope.h, dismissal.h or headcount.h encodes */
    size_t asked;      /* of FORWARD_PRESENCE: how many groups */
    enum forward_outcome outcome;
    union {                             /* FORWARD_ANSWERED: the caller's */
        struct envelope_answer answer;  /* of FORWARD_SEND: envelope_answer_finish() */
        struct dismissal_answer closed; /* of FORWARD_CLOSE: free(gone) */
        int64_t *members;               /* of FORWARD_PRESENCE: free() */
    };
};

/* config is borrowed. Once stop_fd is readable, forwards are not waited for any longer than a
 * moment. NULL: no memory. */
struct forwarder *forwarder_create(const struct config *config, int stop_fd);
void forwarder_destroy(struct forwarder *f); /* NULL is fine */

/* Returns when all have an outcome, at latest after send.connect_timeout, send.forward_timeout and
 * wait_ms together. */
void forward_all(struct forwarder *f, struct forward *forwards, size_t count, int64_t wait_ms);

/* Once per process, before there are threads. */
enum err forward_init_library(void) MUST_CHECK;
void forward_finish_library(void);

#endif
