/*
 * Requests on one connection, and what is asked first of a server.
 */
#include "wsnode/redis_shard.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "shared/redis_reply.h"
#include "wsnode/loop.h"
#include "wsnode/node.h"

struct redis_request {
    TAILQ_ENTRY(redis_request) link;
    struct redis_shard *shard; /* borrowed; where it is in flight */
    redis_async_done *done;
    void *arg;
    struct command *command; /* owned; NULL if it is never to be sent again */
    bool as_eval;
    bool confirms; /* done is told once replicas have what it wrote */
    bool probes;   /* whether the server that answers takes it is all that is asked */
    int64_t deadline_ms;
};

static void request_destroy(struct redis_request *r)
{
    if (r->command) {
        command_finish(r->command);
        free(r->command);
    }
    free(r);
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

/* On an error, the request is still the caller's. */
static enum err send_request(
    struct redis_shard *s, struct redis_request *r, const struct command *c)
{
    const char *argv[COMMAND_ARGS_MAX];
    size_t lens[COMMAND_ARGS_MAX];

    if (s->connection.state != REDIS_UP) {
        return ERR_REDIS_DOWN;
    }
    int argc = command_argv(c, r->as_eval, argv, lens);
    if (redisAsyncCommandArgv(s->connection.context, on_reply, r, argc, argv, lens) != REDIS_OK) {
        return ERR_REDIS_DOWN;
    }
    r->shard = s;
    r->deadline_ms = clock_mono_ms() + s->node->config->redis_command_timeout_ms;
    TAILQ_INSERT_TAIL(&s->requests, r, link);
    s->in_flight++;
    return ERR_OK;
}

enum err redis_shard_take(struct redis_shard *s, struct redis_request *r, bool asking)
{
    if (!s->ready || !r->command) {
        return ERR_REDIS_DOWN;
    }
    if (asking && redisAsyncCommand(s->connection.context, NULL, NULL, "ASKING") != REDIS_OK) {
        return ERR_REDIS_DOWN;
    }
    return send_request(s, r, r->command);
}

static bool send_again_as_eval(struct redis_shard *s, struct redis_request *r)
{
    r->as_eval = true;
    return send_request(s, r, r->command) == ERR_OK;
}

/* true: the request goes on. */
static bool is_sent_again(struct redis_shard *s, struct redis_request *r, const redisReply *reply)
{
    if (!reply || reply->type != REDIS_REPLY_ERROR || !r->command) {
        return false;
    }
    if (r->command->script && !r->as_eval && redis_reply_is_noscript(reply)) {
        return send_again_as_eval(s, r);
    }
    return s->events->on_redirect(s, r, reply);
}

/* With sentinels, a master that has lost its replicas may have lost its office too. */
static bool is_watched(const struct redis_shard *s)
{
    return s->connection.url->mode == REDIS_SENTINEL;
}

static void drop_deposed(struct redis_shard *s)
{
    redis_connection_drop(&s->connection, "it is no master, or one without replicas");
}

void redis_shard_suspect(struct redis_shard *s)
{
    if (s->ready && is_watched(s)) {
        drop_deposed(s);
    }
}

/* Whoever is a replica now will not take a write again soon: its address may lead elsewhere. */
static bool says_it_is_deposed(const struct redis_shard *s, const char *reply)
{
    return strncmp(reply, "READONLY", strlen("READONLY")) == 0 ||
           (is_watched(s) && strncmp(reply, "NOREPLICAS", strlen("NOREPLICAS")) == 0);
}

static void on_reply(redisAsyncContext *context, void *data, void *arg)
{
    struct redis_request *r = arg;
    struct redis_shard *s = r->shard;
    const redisReply *reply = data;

    (void)context;
    TAILQ_REMOVE(&s->requests, r, link);
    s->in_flight--;
    if (is_sent_again(s, r, reply)) {
        return;
    }
    enum err err = reply ? redis_reply_err(reply) : ERR_REDIS_DOWN;
    if (reply && err) {
        struct slice key = r->command ? command_key(r->command) : slice_of("");

        log_limited(redis_error_level(err), "redis answered an error",
            "key=\"%.*s\" reply=\"%.200s\"", (int)key.len, key.at, reply->str);
    }
    bool is_deposed = err == ERR_REDIS_REFUSED && says_it_is_deposed(s, reply->str);
    if (r->probes && reply) {
        s->refuses = err != ERR_OK;
    }
    if (r->confirms && !err) {
        redis_confirm_add(s, reply, r->done, r->arg);
    } else if (r->done) {
        r->done(s->node, err, reply, r->arg);
    }
    request_destroy(r);
    if (is_deposed) {
        drop_deposed(s);
    }
}

/* What the request is to be: done, arg, confirms. keeps: the command may have to be sent again. */
static enum err run(
    struct redis_shard *s, const struct command *c, bool keeps, const struct redis_request *request)
{
    enum err err = command_err(c);
    if (err) {
        return err;
    }
    struct redis_request *r = malloc(sizeof(*r));
    if (!r) {
        return ERR_NO_MEMORY;
    }
    *r = *request;
    if (keeps || c->script) {
        r->command = command_copy(c);
        if (!r->command) {
            free(r);
            return ERR_NO_MEMORY;
        }
    }
    err = send_request(s, r, c);
    if (err) {
        request_destroy(r);
    }
    return err;
}

enum err redis_shard_run(
    struct redis_shard *s, const struct command *c, bool keeps, redis_async_done *done, void *arg)
{
    const struct redis_request request = {.done = done, .arg = arg};

    return s->ready ? run(s, c, keeps, &request) : ERR_REDIS_DOWN;
}

enum err redis_shard_run_confirmed(
    struct redis_shard *s, const struct command *c, bool keeps, redis_async_done *done, void *arg)
{
    const struct redis_request request = {
        .done = done, .arg = arg, .confirms = s->node->config->redis_wait_replicas > 0};

    return s->ready ? run(s, c, keeps, &request) : ERR_REDIS_DOWN;
}

void redis_shard_probe(struct redis_shard *s, const struct command *write)
{
    const struct redis_request request = {.probes = true};

    if (s->ready && run(s, write, true, &request) == ERR_OK) {
        redis_confirm_probe(s);
    }
}

static void after_info(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    static const char name[] = "run_id:";
    struct redis_shard *s = arg;
    struct slice info = redis_reply_text(reply);
    char place[REDIS_PLACE_BYTES];

    (void)n;
    if (err == ERR_REDIS_DOWN) {
        return;
    }
    const char *found = info.at ? strstr(info.at, name) : NULL; /* hiredis terminates strings */
    char run_id[sizeof(s->run_id)] = "";
    if (found) {
        found += strlen(name);
        memcpy(run_id, found, strnlen(found, sizeof(run_id) - 1));
    }
    /* A server that does not tell who it is may be another one each time. */
    bool data_lost = *run_id == '\0' || strcmp(run_id, s->run_id) != 0;
    memcpy(s->run_id, run_id, sizeof(run_id));
    s->ready = true;
    log_info("redis ready", "server=%s run_id=%.8s other_server=%s",
        redis_place_describe(&s->place, place), run_id, data_lost ? "yes" : "no");
    s->events->on_ready(s, data_lost);
}

static enum err load_script(struct redis_shard *s, const struct script *script)
{
    struct command c;

    command_init(&c);
    command_add_str(&c, "SCRIPT");
    command_add_str(&c, "LOAD");
    command_add_str(&c, script->text);
    enum err err = run(s, &c, false, &(struct redis_request){.done = NULL});
    command_finish(&c);
    return err;
}

static enum err ask_who(struct redis_shard *s)
{
    struct command c;

    command_init(&c);
    command_add_str(&c, "INFO");
    command_add_str(&c, "server");
    enum err err = run(s, &c, false, &(struct redis_request){.done = after_info, .arg = s});
    command_finish(&c);
    return err;
}

static struct redis_shard *shard_of(struct redis_connection *c)
{
    return (struct redis_shard *)((char *)c - offsetof(struct redis_shard, connection));
}

static void on_up(struct redis_connection *c)
{
    /* Of these, several may be under way for one session, in an order that counts, and that EVAL in
     * place of one could change. Others go one at a time for each group, or line. */
    static const struct script *const scripts[] = {&script_open, &script_fetch, &script_refresh,
        &script_close, &script_ack, &script_release, &script_event_open, &script_event_close};
    struct redis_shard *s = shard_of(c);

    enum err err = ERR_OK;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]) && !err; i++) {
        err = load_script(s, scripts[i]);
    }
    if (!err) {
        err = ask_who(s);
    }
    if (err) {
        redis_connection_drop(c, err_text(err));
    }
}

static void on_down(struct redis_connection *c)
{
    struct redis_shard *s = shard_of(c);

    if (s->ready) {
        s->ready = false;
        node_stat_add(redis_lost, 1);
    }
}

static const struct redis_connection_events connection_events = {
    .on_up = on_up, .on_down = on_down};

struct redis_shard *redis_shard_create(struct redis_async *redis, struct node *n,
    const struct redis_url *url, const struct redis_place *place,
    const struct redis_shard_events *events)
{
    struct redis_shard *s = calloc(1, sizeof(*s));

    if (!s) {
        return NULL;
    }
    s->redis = redis;
    s->node = n;
    s->events = events;
    s->place = *place;
    s->connection.events = &connection_events;
    s->connection.name = "commands";
    TAILQ_INIT(&s->requests);
    redis_confirm_init(&s->confirm);
    redis_connection_init(&s->connection, n->config, url, loop_uv(n->loop));
    return s;
}

void redis_shard_destroy(struct redis_shard *s)
{
    s->ready = false;
    redis_connection_stop(&s->connection); /* its requests end with it */
    free(s);
}

/*
 * A loop that was busy with other things has not even looked for the answer: only what is late at
 * two ticks, between which it looked, was not answered.
 */
void redis_shard_on_tick(struct redis_shard *s, int64_t now_ms)
{
    const struct redis_request *oldest = TAILQ_FIRST(&s->requests);
    int64_t late_ms = oldest && now_ms >= oldest->deadline_ms ? oldest->deadline_ms : 0;
    bool is_still_late = late_ms != 0 && s->late_ms == late_ms;

    s->late_ms = late_ms;
    if (is_still_late) {
        redis_connection_drop(
            &s->connection, "a command was not answered in time"); /* oldest ends */
    }
    redis_connection_on_tick(&s->connection, now_ms);
}
