/*
 * Subscribes to the node's control channel and passes on what is published there.
 */
#include "wsnode/redis_control.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stddef.h>

#include "shared/redis_reply.h"
#include "shared/schema.h"
#include "wsnode/loop.h"
#include "wsnode/node.h"

static struct redis_control *control_of(struct redis_connection *l)
{
    return (struct redis_control *)((char *)l - offsetof(struct redis_control, connection));
}

/* {"message", channel, text}; {"subscribe", channel, count} is the answer to the subscription. */
static void on_message(redisAsyncContext *context, void *data, void *arg)
{
    struct redis_control *c = arg;
    struct reply_reader r = reply_reader_of(data);

    if (c->connection.context != context || !data) {
        return;
    }
    if (!slice_equal(reply_next_text(&r), "message")) {
        return;
    }
    (void)reply_next_text(&r); /* there is but one channel */
    struct slice message = reply_next_text(&r);
    if (reply_reader_err(&r) == ERR_OK) {
        c->on_hint(c->node, message);
    }
}

static void on_up(struct redis_connection *l)
{
    struct redis_control *c = control_of(l);
    const char *argv[COMMAND_ARGS_MAX];
    size_t lens[COMMAND_ARGS_MAX];
    struct command subscribe;

    command_init(&subscribe);
    command_add_str(&subscribe, "SUBSCRIBE");
    schema_add_control(&subscribe, c->node->config->redis_prefix, c->node->id);
    bool sent = false;
    if (command_err(&subscribe) == ERR_OK) {
        int argc = command_argv(&subscribe, false, argv, lens);
        sent = redisAsyncCommandArgv(l->context, on_message, c, argc, argv, lens) == REDIS_OK;
    }
    command_finish(&subscribe);
    if (!sent) {
        redis_connection_drop(l, "cannot subscribe");
    }
}

static void on_down(struct redis_connection *l)
{
    (void)l; /* the connection comes back by itself, and hints are only hints */
}

static const struct redis_connection_events connection_events = {
    .on_up = on_up, .on_down = on_down};

void redis_control_init(struct redis_control *c, struct node *n, const struct redis_url *url,
    void (*on_hint)(struct node *n, struct slice message))
{
    c->node = n;
    c->on_hint = on_hint;
    c->connection.events = &connection_events;
    c->connection.name = "control";
    redis_connection_init(&c->connection, n->config, url, loop_uv(n->loop));
}

/* A cluster's servers pass on to each other what is published: any of them will do. */
void redis_control_on_topology(struct redis_control *c, const struct redis_topology *t)
{
    bool is_there = false;

    for (size_t i = 0; i < t->count; i++) {
        is_there = is_there || redis_place_equal(&t->places[i], &c->connection.place);
    }
    if (!is_there && c->connection.state != REDIS_AWAY) {
        redis_connection_drop(&c->connection, "the server is no master any more");
    }
}

void redis_control_on_tick(struct redis_control *c, const struct redis_topology *t, int64_t now_ms)
{
    redis_connection_on_tick(&c->connection, now_ms);
    if (t->count > 0 && redis_connection_is_due(&c->connection, now_ms)) {
        redis_connection_connect(&c->connection, &t->places[c->attempts++ % t->count], now_ms);
    }
}

void redis_control_stop(struct redis_control *c)
{
    redis_connection_stop(&c->connection);
}
