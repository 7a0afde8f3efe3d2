/*
 * One asynchronous connection to a Redis server that keeps itself up: connect, AUTH, SELECT, a
 * check that Redis answers commands, and again after a loss, with back-off and jitter. Where to
 * connect, its owner says each time; what is sent on it is the owner's business too: redis_shard.c
 * (commands) and redis_control.c (the control channel).
 */
#ifndef WSNODE_REDIS_CONNECTION_H
#define WSNODE_REDIS_CONNECTION_H

#include <stdbool.h>

#include "shared/backoff.h"
#include "shared/config.h"
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
    const struct redis_connection_events *events; /* borrowed; the owner's, like name */
    const char *name;                             /* for the log */
    const struct config *config;                  /* borrowed */
    const struct redis_url *url;                  /* borrowed; for the log-in */
    struct uv_loop_s *loop;                       /* borrowed */
    struct redis_place place;                     /* where it last connected */
    struct redisAsyncContext *context;            /* owned by hiredis; NULL while there is none */
    enum redis_connection_state state;
    struct backoff backoff; /* AWAY */
    int64_t give_up_ms;     /* CONNECTING */
    int64_t up_ms;          /* UP: since when */
    bool told;              /* the loss has been logged */
};

/* The rest of *c is zero, but for events and name. */
void redis_connection_init(struct redis_connection *c, const struct config *config,
    const struct redis_url *url, struct uv_loop_s *loop);
/* It is away, and the pause is over: redis_connection_connect() is wanted. */
bool redis_connection_is_due(const struct redis_connection *c, int64_t now_ms);
/* Nothing, unless it is due. */
void redis_connection_connect(
    struct redis_connection *c, const struct redis_place *place, int64_t now_ms);
void redis_connection_on_tick(struct redis_connection *c, int64_t now_ms);
/* Gives the connection up; another one is made later. Fine from inside of hiredis' callbacks. */
void redis_connection_drop(struct redis_connection *c, const char *why);
void redis_connection_stop(struct redis_connection *c); /* for good, without events */

#endif
