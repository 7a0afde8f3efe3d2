/*
 * The connection itself. hiredis has no time-outs, and any error leaves its connection unusable, so
 * every failure means a new one.
 */
#include "wsnode/redis_connection.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "shared/redis_reply.h"
#include "wsnode/redis_adapter.h"

static void schedule_retry(struct redis_connection *c)
{
    c->state = REDIS_AWAY;
    backoff_fail(
        &c->backoff, clock_mono_ms(), c->config->redis_retry_min_ms, c->config->redis_retry_max_ms);
}

/* One that was up for a moment only, as a replica's is, does not count as a success. */
static bool was_stable(const struct redis_connection *c)
{
    return c->state == REDIS_UP && clock_mono_ms() - c->up_ms > c->config->redis_retry_max_ms;
}

static void after_loss(struct redis_connection *c, const char *why)
{
    bool was_up = c->state == REDIS_UP;

    if (was_stable(c)) {
        backoff_reset(&c->backoff);
        c->told = false;
    }
    schedule_retry(c);
    if (!c->told) {
        char place[REDIS_PLACE_BYTES];
        log_warn("redis lost", "connection=%s server=%s why=\"%s\"", c->name,
            redis_place_describe(&c->place, place), why);
        c->told = true;
    }
    if (was_up) {
        c->events->on_down(c);
    }
}

void redis_connection_drop(struct redis_connection *c, const char *why)
{
    redisAsyncContext *context = c->context;

    if (c->state == REDIS_STOPPED) {
        return;
    }
    c->context = NULL; /* so that what its callbacks start finds none */
    after_loss(c, why);
    if (context) {
        redisAsyncFree(context);
    }
}

static void on_disconnected(const redisAsyncContext *context, int status)
{
    struct redis_connection *c = context->data;

    if (c->context != context) {
        return; /* dropped by us */
    }
    c->context = NULL;
    after_loss(c, status == REDIS_OK ? "closed" : context->errstr);
}

/* After a failure hiredis frees the context itself; freeing it here would do so twice. */
static void on_connected(const redisAsyncContext *context, int status)
{
    struct redis_connection *c = context->data;

    if (status != REDIS_OK && c->context == context) {
        c->context = NULL;
        after_loss(c, context->errstr);
    }
}

/* AUTH and SELECT: a good answer only means to go on. */
static void on_greeted(redisAsyncContext *context, void *data, void *unused)
{
    struct redis_connection *c = context->data;
    const redisReply *reply = data;

    (void)unused;
    if (c->context != context || !reply) {
        return;
    }
    if (redis_reply_err(reply)) {
        redis_connection_drop(c, reply->str);
    }
}

/* PING: also refused while Redis loads its data, or if AUTH is missing. */
static void on_pong(redisAsyncContext *context, void *data, void *unused)
{
    struct redis_connection *c = context->data;

    on_greeted(context, data, unused);
    if (c->context != context || !data) {
        return;
    }
    c->state = REDIS_UP;
    c->up_ms = clock_mono_ms();
    c->events->on_up(c);
}

static bool greet(struct redis_connection *c)
{
    redisAsyncContext *context = c->context;
    const struct redis_login *login = &c->url->login;
    int failed = 0;

    if (*login->user) {
        failed |= redisAsyncCommand(
            context, on_greeted, NULL, "AUTH %s %s", login->user, login->password);
    } else if (*login->password) {
        failed |= redisAsyncCommand(context, on_greeted, NULL, "AUTH %s", login->password);
    }
    if (c->url->db != 0) {
        failed |= redisAsyncCommand(context, on_greeted, NULL, "SELECT %d", c->url->db);
    }
    failed |= redisAsyncCommand(context, on_pong, NULL, "PING");
    return failed == 0;
}

/* The control channel's connection is silent for days: only the kernel can tell that it is dead. */
static void keep_alive(int fd)
{
    const struct {
        int level, option, value;
    } options[] = {{SOL_SOCKET, SO_KEEPALIVE, 1}, {IPPROTO_TCP, TCP_KEEPIDLE, 15},
        {IPPROTO_TCP, TCP_KEEPINTVL, 5}, {IPPROTO_TCP, TCP_KEEPCNT, 3},
        {IPPROTO_TCP, TCP_NODELAY, 1}};

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        (void)setsockopt(fd, options[i].level, options[i].option, &options[i].value, sizeof(int));
    }
}

/* NULL: not even begun. */
static redisAsyncContext *start_connecting(struct redis_connection *c)
{
    bool by_path = *c->place.path != '\0';

    redisAsyncContext *context = by_path ? redisAsyncConnectUnix(c->place.path)
                                         : redisAsyncConnect(c->place.host, c->place.port);
    if (!context) {
        return NULL;
    }
    if (context->err || redis_adapter_attach(context, c->loop)) {
        redisAsyncFree(context);
        return NULL;
    }
    if (!by_path) {
        keep_alive(context->c.fd);
    }
    context->data = c;
    (void)redisAsyncSetConnectCallback(context, on_connected);
    (void)redisAsyncSetDisconnectCallback(context, on_disconnected);
    return context;
}

void redis_connection_connect(
    struct redis_connection *c, const struct redis_place *place, int64_t now_ms)
{
    if (!redis_connection_is_due(c, now_ms)) {
        return;
    }
    c->place = *place;
    c->state = REDIS_CONNECTING;
    c->give_up_ms = now_ms + c->config->redis_connect_timeout_ms;
    c->context = start_connecting(c);
    if (!c->context || !greet(c)) {
        redis_connection_drop(c, "cannot connect");
    }
}

void redis_connection_init(struct redis_connection *c, const struct config *config,
    const struct redis_url *url, struct uv_loop_s *loop)
{
    c->config = config;
    c->url = url;
    c->loop = loop;
    c->state = REDIS_AWAY;
}

bool redis_connection_is_due(const struct redis_connection *c, int64_t now_ms)
{
    return c->state == REDIS_AWAY && now_ms >= c->backoff.due_ms;
}

void redis_connection_on_tick(struct redis_connection *c, int64_t now_ms)
{
    if (c->state == REDIS_CONNECTING && now_ms >= c->give_up_ms) {
        redis_connection_drop(c, "no answer in time");
    }
}

void redis_connection_stop(struct redis_connection *c)
{
    redisAsyncContext *context = c->context;

    c->state = REDIS_STOPPED;
    c->context = NULL;
    if (context) {
        redisAsyncFree(context);
    }
}
