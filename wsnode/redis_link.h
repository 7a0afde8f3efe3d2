/*
 * One asynchronous connection to Redis that keeps itself up: connect, AUTH, SELECT, a check that
 * Redis answers commands, and again after a loss, with back-off and jitter. What is sent on it is
 * its owner's business: redis_async.c (commands) and redis_control.c (the control channel).
 */
#ifndef WSNODE_REDIS_LINK_H
#define WSNODE_REDIS_LINK_H

#include <stdbool.h>

#include "shared/option.h"
#include "shared/redis_url.h"

struct redis_link;
struct redisAsyncContext;
struct uv_loop_s;

struct redis_link_events {
    void (*on_up)(struct redis_link *l);
    void (*on_down)(struct redis_link *l); /* once after each on_up */
};

enum redis_link_state { LINK_DOWN, LINK_CONNECTING, LINK_UP, LINK_STOPPED };

struct redis_link {
    const struct redis_link_events *events; /* borrowed */
    const struct config *config;            /* borrowed */
    struct uv_loop_s *loop;                 /* borrowed */
    const char *name;                       /* for the log */
    struct redis_url url;
    struct redisAsyncContext *context; /* owned by hiredis; NULL while there is none */
    enum redis_link_state state;
    int64_t due_ms;   /* DOWN: connect then. CONNECTING: give up then */
    int64_t pause_ms; /* before the next attempt; doubles */
    bool told;        /* the loss has been logged */
};

/* ERR_BAD_VALUE: redis.url. Connects on the first tick. */
enum err redis_link_init(struct redis_link *l, const struct config *config, struct uv_loop_s *loop,
    const char *name, struct problem *p) MUST_CHECK;
void redis_link_on_tick(struct redis_link *l, int64_t now_ms);
/* Gives the connection up; another one is made later. Fine from inside of hiredis' callbacks. */
void redis_link_drop(struct redis_link *l, const char *why);
void redis_link_stop(struct redis_link *l); /* for good, without events */

#endif
