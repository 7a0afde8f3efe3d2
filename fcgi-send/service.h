/*
 * What a request is served with: what all threads share, and what each has of its own.
 */
#ifndef FCGI_SEND_SERVICE_H
#define FCGI_SEND_SERVICE_H

#include <stdatomic.h>

#include "fcgi-send/forward.h"
#include "fcgi-send/key_store.h"
#include "fcgi-send/node_pool.h"
#include "shared/config.h"
#include "shared/err.h"
#include "shared/redis_sync.h"

struct service {
    const struct config *config; /* borrowed from main */
    struct key_store *keys;      /* owned */
    struct node_pool *nodes;     /* owned */
    int stop_fd;                 /* owned; readable once the program is to stop */
    _Atomic int64_t waits;       /* sends that are waiting for sessions */
};

/* One thread's own: connections to Redis and to the nodes. */
struct worker {
    struct service *service;     /* borrowed */
    struct redis_sync *redis;    /* owned */
    struct forwarder *forwarder; /* owned */
};

/* service_finish() is needed after ERR_OK only. */
enum err service_init(struct service *s, const struct config *config, struct problem *p) MUST_CHECK;
void service_finish(struct service *s);

enum err worker_init(struct worker *w, struct service *s, struct problem *p) MUST_CHECK;
void worker_finish(struct worker *w);

#endif
