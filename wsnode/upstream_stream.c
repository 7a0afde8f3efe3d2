/*
 * Messages into the stream in Redis. Taken means stored, by as many replicas as redis.wait_replicas
 * wants. If the answer is lost with the connection, the message is stored again under the same id.
 */
#include "shared/clock.h"
#include "wsnode/redis_async.h"
#include "wsnode/upstream_state.h"

static enum err create(struct node *n)
{
    window_init(&n->upstream->window);
    return ERR_OK;
}

static void stop(struct node *n)
{
    (void)n; /* the connection is not its own */
}

static bool is_free(const struct node *n)
{
    return window_is_open(&n->upstream->window) && redis_async_is_ready(n->redis);
}

static void after_add(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct upstream_item *item = arg;
    int64_t took_ms = clock_mono_ms() - item->sent_ms;

    (void)reply;
    window_answered(&n->upstream->window, took_ms, n->config->redis_command_timeout_ms);
    upstream_after_send(n, item, &(struct upstream_result){.err = err});
}

static enum err send_message(
    struct node *n, struct upstream_item *item, const struct upstream_message *message)
{
    struct command c;

    command_init(&c);
    upstream_add_command(&c, n->config->redis_prefix, n->config->upstream_stream_max, message);
    enum err err = redis_async_run_confirmed(n->redis, &c, after_add, item);
    command_finish(&c);
    if (!err) {
        window_sent(&n->upstream->window);
    }
    return err;
}

const struct upstream_sink upstream_stream = {
    .late = ERR_REDIS_DOWN,
    .create = create,
    .stop = stop,
    .destroy = stop,
    .is_free = is_free,
    .send = send_message,
};
