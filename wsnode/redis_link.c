/*
 * The connection itself. hiredis has no time-outs, and any error leaves its connection unusable, so
 * every failure means a new one.
 */
#include "wsnode/redis_link.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "shared/redis_reply.h"
#include "wsnode/redis_adapter.h"

/* Half of it to all of it, so that nodes that lost Redis together don't come back together. */
static int64_t with_jitter(int64_t pause_ms)
{
    uint32_t random = 0;

    if (getrandom(&random, sizeof(random), 0) < 0) {
        return pause_ms;
    }
    return pause_ms / 2 + (int64_t)(random % (uint64_t)(pause_ms / 2 + 1));
}

static void schedule_retry(struct redis_link *l)
{
    l->state = LINK_DOWN;
    l->due_ms = clock_mono_ms() + with_jitter(l->pause_ms);
    l->pause_ms *= 2;
    if (l->pause_ms > l->config->redis_retry_max_ms) {
        l->pause_ms = l->config->redis_retry_max_ms;
    }
}

static void after_loss(struct redis_link *l, const char *why)
{
    bool was_up = l->state == LINK_UP;

    schedule_retry(l);
    if (!l->told) {
        char place[160];
        redis_url_describe(&l->url, place, sizeof(place));
        log_warn("redis lost", "connection=%s redis=%s why=\"%s\"", l->name, place, why);
        l->told = true;
    }
    if (was_up) {
        l->events->on_down(l);
    }
}

void redis_link_drop(struct redis_link *l, const char *why)
{
    redisAsyncContext *context = l->context;

    if (l->state == LINK_STOPPED) {
        return;
    }
    l->context = NULL; /* so that what its callbacks start finds none */
    after_loss(l, why);
    if (context) {
        redisAsyncFree(context);
    }
}

static void on_disconnected(const redisAsyncContext *context, int status)
{
    struct redis_link *l = context->data;

    if (l->context != context) {
        return; /* dropped by us */
    }
    l->context = NULL;
    after_loss(l, status == REDIS_OK ? "closed" : context->errstr);
}

/* After a failure hiredis frees the context itself; freeing it here would do so twice. */
static void on_connected(const redisAsyncContext *context, int status)
{
    struct redis_link *l = context->data;

    if (status != REDIS_OK && l->context == context) {
        l->context = NULL;
        after_loss(l, context->errstr);
    }
}

/* AUTH and SELECT: a good answer only means to go on. */
static void on_greeted(redisAsyncContext *context, void *data, void *unused)
{
    struct redis_link *l = context->data;
    const redisReply *reply = data;

    (void)unused;
    if (l->context != context || !reply) {
        return;
    }
    if (redis_reply_err(reply)) {
        redis_link_drop(l, reply->str);
    }
}

/* PING: also refused while Redis loads its data, or if AUTH is missing. */
static void on_pong(redisAsyncContext *context, void *data, void *unused)
{
    struct redis_link *l = context->data;

    on_greeted(context, data, unused);
    if (l->context != context || !data) {
        return;
    }
    l->state = LINK_UP;
    l->pause_ms = l->config->redis_retry_min_ms;
    l->told = false;
    l->events->on_up(l);
}

static bool greet(struct redis_link *l)
{
    redisAsyncContext *c = l->context;
    const struct redis_url *url = &l->url;
    int failed = 0;

    if (*url->user) {
        failed |= redisAsyncCommand(c, on_greeted, NULL, "AUTH %s %s", url->user, url->password);
    } else if (*url->password) {
        failed |= redisAsyncCommand(c, on_greeted, NULL, "AUTH %s", url->password);
    }
    if (url->db != 0) {
        failed |= redisAsyncCommand(c, on_greeted, NULL, "SELECT %d", url->db);
    }
    failed |= redisAsyncCommand(c, on_pong, NULL, "PING");
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
static redisAsyncContext *start_connecting(struct redis_link *l)
{
    bool by_path = *l->url.path != '\0';

    redisAsyncContext *context =
        by_path ? redisAsyncConnectUnix(l->url.path) : redisAsyncConnect(l->url.host, l->url.port);
    if (!context) {
        return NULL;
    }
    if (context->err || redis_adapter_attach(context, l->loop)) {
        redisAsyncFree(context);
        return NULL;
    }
    if (!by_path) {
        keep_alive(context->c.fd);
    }
    context->data = l;
    (void)redisAsyncSetConnectCallback(context, on_connected);
    (void)redisAsyncSetDisconnectCallback(context, on_disconnected);
    return context;
}

static void link_connect(struct redis_link *l, int64_t now_ms)
{
    l->state = LINK_CONNECTING;
    l->due_ms = now_ms + l->config->redis_connect_timeout_ms;
    l->context = start_connecting(l);
    if (!l->context || !greet(l)) {
        redis_link_drop(l, "cannot connect");
    }
}

enum err redis_link_init(struct redis_link *l, const struct config *config, struct uv_loop_s *loop,
    const char *name, struct problem *p)
{
    struct redis_url url;

    enum err err = redis_url_parse(config->redis_url, &url, p);
    if (err) {
        return err;
    }
    l->config = config;
    l->loop = loop;
    l->name = name;
    l->url = url;
    l->context = NULL;
    l->state = LINK_DOWN;
    l->due_ms = 0;
    l->pause_ms = config->redis_retry_min_ms;
    l->told = false;
    return ERR_OK;
}

void redis_link_on_tick(struct redis_link *l, int64_t now_ms)
{
    if (l->state == LINK_DOWN && now_ms >= l->due_ms) {
        link_connect(l, now_ms);
    } else if (l->state == LINK_CONNECTING && now_ms >= l->due_ms) {
        redis_link_drop(l, "no answer in time");
    }
}

void redis_link_stop(struct redis_link *l)
{
    redisAsyncContext *context = l->context;

    l->state = LINK_STOPPED;
    l->context = NULL;
    if (context) {
        redisAsyncFree(context);
    }
}
