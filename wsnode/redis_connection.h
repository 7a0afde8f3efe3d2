/*
 * One asynchronous connection to Redis that keeps itself up: connect, AUTH, SELECT, a check that
 * Redis answers commands, and again after a loss, with back-off and jitter. What is sent on it is
 * its owner's business: redis_async.c (commands) and redis_control.c (the control channel).
 */
#ifndef WSNODE_REDIS_CONNECTION_H
#define WSNODE_REDIS_CONNECTION_H

#include <stdbool.h>

#include "shared/option.h"
#include "shared/redis_url.h"

struct redis_connection;
struct redisAsyncContext;
struct uv_loop_s;

struct redis_connection_events {
    void (*on_up)(struct redis_connection *c);
    void (*on_down)(struct redis_connection *c); /* once after each on_up */
};

enum redis_connection_state { REDIS_AWAY, REDIS_CONNECTING, REDIS_UP, REDIS_STOPPED };

struct redis_connection {
    const struct redis_connection_events *events; /* borrowed */
    const struct config *config;                  /* borrowed */
    struct uv_loop_s *loop;                       /* borrowed */
    const char *name;                             /* for the log */
    struct redis_url url;
    struct redisAsyncContext *context; /* owned by hiredis; NULL while there is none */
    enum redis_connection_state state;
    int64_t due_ms;   /* AWAY: connect then. CONNECTING: give up then */
    int64_t pause_ms; /* before the next attempt; doubles */
    int64_t up_ms;    /* UP: since when */
    bool told;        /* the loss has been logged */
};

/* ERR_BAD_VALUE: redis.url. Connects on the first tick. */
enum err redis_connection_init(struct redis_connection *c, const struct config *config,
    struct uv_loop_s *loop, const char *name, struct problem *p) MUST_CHECK;
void redis_connection_on_tick(struct redis_connection *c, int64_t now_ms);
/* Gives the connection up; another one is made later. Fine from inside of hiredis' callbacks. */
void redis_connection_drop(struct redis_connection *c, const char *why);
void redis_connection_stop(struct redis_connection *c); /* for good, without events */

#endif
