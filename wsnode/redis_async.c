/*
 * Commands on the connection: in flight in the order of sending, which is also the order of replies
 * and of deadlines, so only the oldest one is watched. When it comes up, the scripts are loaded and
 * the server is asked who it is.
 */
#include "wsnode/redis_async.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "shared/redis_reply.h"
#include "wsnode/loop.h"
#include "wsnode/node.h"
#include "wsnode/redis_control.h"

#define RUN_ID_BYTES 41

struct call {
    TAILQ_ENTRY(call) link;
    struct redis_async *redis; /* borrowed */
    redis_async_done *done;
    void *arg;
    struct command *script; /* owned; NULL for a plain command, or if this is the EVAL already */
    int64_t deadline_ms;
};

struct redis_async {
    struct node *node; /* borrowed */
    const struct redis_async_events *events;
    struct redis_connection connection;
    struct redis_control control;
    TAILQ_HEAD(calls, call) calls;
    int64_t in_flight;
    bool ready;
    char run_id[RUN_ID_BYTES]; /* of the last server; "" before the first */
};

static void call_destroy(struct call *call)
{
    if (call->script) {
        command_finish(call->script);
        free(call->script);
    }
    free(call);
}

/* NULL: no memory. */
static struct command *command_copy(const struct command *c)
{
    struct command *copy = malloc(sizeof(*copy));

    if (!copy) {
        return NULL;
    }
    *copy = *c;
    buf_init(&copy->text, c->text.max);
    buf_add(&copy->text, buf_str(&c->text), c->text.len);
    if (buf_err(&copy->text)) {
        command_finish(copy);
        free(copy);
        return NULL;
    }
    return copy;
}

static void on_reply(redisAsyncContext *context, void *data, void *arg);

/* On an error, the call is still the caller's. */
static enum err call_send(struct call *call, const struct command *c, int as_eval)
{
    struct redis_async *r = call->redis;
    const char *argv[COMMAND_ARGS_MAX];
    size_t lens[COMMAND_ARGS_MAX];

    if (r->connection.state != REDIS_UP) {
        return ERR_REDIS_DOWN;
    }
    int argc = command_argv(c, as_eval, argv, lens);
    if (redisAsyncCommandArgv(r->connection.context, on_reply, call, argc, argv, lens) !=
        REDIS_OK) {
        return ERR_REDIS_DOWN;
    }
    call->deadline_ms = clock_mono_ms() + r->node->config->redis_command_timeout_ms;
    TAILQ_INSERT_TAIL(&r->calls, call, link);
    r->in_flight++;
    return ERR_OK;
}

/* The server forgot the script: false if the call could not be sent again. */
static bool call_again_as_eval(struct call *call)
{
    struct command *script = call->script;

    call->script = NULL;
    bool sent = call_send(call, script, true) == ERR_OK;
    command_finish(script);
    free(script);
    return sent;
}

static void log_error_reply(const redisReply *reply)
{
    log_limited(LOG_ERROR, "redis error", "reply=\"%.200s\"", reply->str);
}

static void on_reply(redisAsyncContext *context, void *data, void *arg)
{
    struct call *call = arg;
    struct redis_async *r = call->redis;
    const redisReply *reply = data;

    (void)context;
    TAILQ_REMOVE(&r->calls, call, link);
    r->in_flight--;
    if (call->script && redis_reply_is_noscript(reply) && call_again_as_eval(call)) {
        return;
    }
    enum err err = reply ? redis_reply_err(reply) : ERR_REDIS_DOWN;
    if (reply && err) {
        log_error_reply(reply);
    }
    /* Whoever is a replica now will not take a write again soon: its address may lead elsewhere. */
    bool is_replica = err == ERR_REDIS_REFUSED && strncmp(reply->str, "READONLY", 8) == 0;
    if (call->done) {
        call->done(r->node, err, reply, call->arg);
    }
    call_destroy(call);
    if (is_replica) {
        redis_connection_drop(&r->connection, "it is a replica");
    }
}

static enum err run(
    struct redis_async *r, const struct command *c, redis_async_done *done, void *arg)
{
    enum err err = command_err(c);
    if (err) {
        return err;
    }
    struct call *call = calloc(1, sizeof(*call));
    if (!call) {
        return ERR_NO_MEMORY;
    }
    *call = (struct call){.redis = r, .done = done, .arg = arg};
    if (c->script) {
        call->script = command_copy(c);
        if (!call->script) {
            free(call);
            return ERR_NO_MEMORY;
        }
    }
    err = call_send(call, c, false);
    if (err) {
        call_destroy(call);
    }
    return err;
}

static void after_info(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    static const char name[] = "run_id:";
    struct redis_async *r = arg;
    struct slice info = redis_reply_text(reply);

    if (err == ERR_REDIS_DOWN) {
        return;
    }
    const char *found = info.at ? strstr(info.at, name) : NULL; /* hiredis terminates strings */
    char run_id[RUN_ID_BYTES] = "";
    if (found) {
        found += strlen(name);
        memcpy(run_id, found, strnlen(found, RUN_ID_BYTES - 1));
    }
    /* A server that does not tell who it is may be another one each time. */
    bool data_lost = *run_id == '\0' || strcmp(run_id, r->run_id) != 0;
    memcpy(r->run_id, run_id, RUN_ID_BYTES);
    r->ready = true;
    log_info("redis ready", "run_id=%.8s other_server=%s", run_id, data_lost ? "yes" : "no");
    r->events->on_ready(n, data_lost);
}

static enum err load_script(struct redis_async *r, const struct script *s)
{
    struct command c;

    command_init(&c);
    command_add_str(&c, "SCRIPT");
    command_add_str(&c, "LOAD");
    command_add_str(&c, s->text);
    enum err err = run(r, &c, NULL, NULL);
    command_finish(&c);
    return err;
}

static enum err ask_who(struct redis_async *r)
{
    struct command c;

    command_init(&c);
    command_add_str(&c, "INFO");
    command_add_str(&c, "server");
    enum err err = run(r, &c, after_info, r);
    command_finish(&c);
    return err;
}

static void on_up(struct redis_connection *l)
{
    /* All that a node runs: so commands keep their order, which EVAL in place of one could change.
     */
    static const struct script *const scripts[] = {
        &script_open, &script_fetch, &script_refresh, &script_close, &script_ack, &script_release};
    struct redis_async *r =
        (struct redis_async *)((char *)l - offsetof(struct redis_async, connection));

    enum err err = ERR_OK;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]) && !err; i++) {
        err = load_script(r, scripts[i]);
    }
    if (!err) {
        err = ask_who(r);
    }
    if (err) {
        redis_connection_drop(l, err_text(err));
    }
}

static void on_down(struct redis_connection *l)
{
    struct redis_async *r =
        (struct redis_async *)((char *)l - offsetof(struct redis_async, connection));

    if (r->ready) {
        r->ready = false;
        node_stat_add(redis_lost, 1);
        r->events->on_lost(r->node);
    }
}

static const struct redis_connection_events connection_events = {
    .on_up = on_up, .on_down = on_down};

enum err redis_async_create(struct node *n, const struct redis_async_events *events,
    struct redis_async **out, struct problem *p)
{
    struct redis_async *r = calloc(1, sizeof(*r));

    if (!r) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    r->node = n;
    r->events = events;
    r->connection.events = &connection_events;
    TAILQ_INIT(&r->calls);
    enum err err =
        redis_connection_init(&r->connection, n->config, loop_uv(n->loop), "commands", p);
    if (!err) {
        err = redis_control_init(&r->control, n, events->on_hint, p);
    }
    if (err) {
        free(r);
        return err;
    }
    *out = r;
    return ERR_OK;
}

void redis_async_stop(struct redis_async *r)
{
    r->ready = false;
    redis_connection_stop(&r->connection);
    redis_control_stop(&r->control);
}

void redis_async_destroy(struct redis_async *r)
{
    free(r); /* the calls ended with the connection */
}

void redis_async_on_tick(struct redis_async *r, int64_t now_ms)
{
    const struct call *oldest = TAILQ_FIRST(&r->calls);

    if (oldest && now_ms >= oldest->deadline_ms) {
        redis_connection_drop(&r->connection, "a command was not answered in time");
    }
    redis_connection_on_tick(&r->connection, now_ms);
    redis_control_on_tick(&r->control, now_ms);
}

bool redis_async_is_ready(const struct redis_async *r)
{
    return r->ready;
}

enum err redis_async_run(
    struct redis_async *r, const struct command *c, redis_async_done *done, void *arg)
{
    return r->ready ? run(r, c, done, arg) : ERR_REDIS_DOWN;
}

int64_t redis_async_in_flight(const struct redis_async *r)
{
    return r->in_flight;
}
