/*
 * Keeps answers until replicas have confirmed what they are about.
 */
#include "wsnode/redis_confirm.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "shared/log.h"
#include "shared/redis_reply.h"
#include "wsnode/node.h"
#include "wsnode/redis_shard.h"

struct redis_kept {
    TAILQ_ENTRY(redis_kept) link;
    redis_async_done *done;
    void *arg;
    struct redisReply *reply; /* owned */
};

void redis_confirm_init(struct redis_confirm *c)
{
    TAILQ_INIT(&c->waiting);
    TAILQ_INIT(&c->asked);
    c->count = 0;
    c->fails = c->probing = false;
}

static void kept_destroy(struct redis_kept *k)
{
    freeReplyObject(k->reply);
    free(k);
}

static void tell_asked(struct redis_shard *s, enum err err)
{
    struct redis_kept *k;

    while ((k = TAILQ_FIRST(&s->confirm.asked))) {
        TAILQ_REMOVE(&s->confirm.asked, k, link);
        s->confirm.count--;
        k->done(s->node, err, err ? NULL : k->reply, k->arg);
        kept_destroy(k);
    }
}

static void ask(struct redis_shard *s);

/* Are there enough replicas? */
static enum err read_wait(struct redis_shard *s, enum err err, const struct redisReply *reply)
{
    const struct config *config = s->node->config;
    char place[REDIS_PLACE_BYTES];
    int64_t confirmed = 0;

    if (err || (err = redis_reply_int(reply, &confirmed))) {
        return err;
    }
    s->confirm.fails = confirmed < config->redis_wait_replicas;
    if (!s->confirm.fails) {
        return ERR_OK;
    }
    log_limited(LOG_WARN, "too few replicas: sessions cannot connect or catch up",
        "server=%s replicas=%lld redis.wait_replicas=%lld", redis_place_describe(&s->place, place),
        (long long)confirmed, (long long)config->redis_wait_replicas);
    return ERR_TOO_FEW_REPLICAS;
}

static void after_wait(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct redis_shard *s = arg;

    (void)n;
    err = read_wait(s, err, reply);
    tell_asked(s, err);
    ask(s);
    if (err == ERR_TOO_FEW_REPLICAS) {
        redis_shard_suspect(s);
    }
}

static void after_probe(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct redis_shard *s = arg;

    (void)n;
    s->confirm.probing = false;
    (void)read_wait(s, err, reply);
    ask(s);
}

static enum err send_wait(struct redis_shard *s, redis_async_done *done)
{
    const struct config *config = s->node->config;
    struct command c;

    command_init(&c);
    command_add_str(&c, "WAIT");
    command_add_int(&c, config->redis_wait_replicas);
    /* The answer is to come before this command's own time is up, and that of those behind it. */
    command_add_int(&c, config->redis_command_timeout_ms / 2);
    enum err err = redis_shard_run(s, &c, false, done, s);
    command_finish(&c);
    return err;
}

/* For all that wait, unless others are being asked for. */
static void ask(struct redis_shard *s)
{
    struct redis_confirm *c = &s->confirm;

    if (c->probing || !TAILQ_EMPTY(&c->asked) || TAILQ_EMPTY(&c->waiting)) {
        return;
    }
    TAILQ_CONCAT(&c->asked, &c->waiting, link);
    enum err err = send_wait(s, after_wait);
    if (err) {
        tell_asked(s, err);
    }
}

void redis_confirm_add(
    struct redis_shard *s, const struct redisReply *reply, redis_async_done *done, void *arg)
{
    struct redis_kept *k = calloc(1, sizeof(*k));

    if (k) {
        *k = (struct redis_kept){.done = done, .arg = arg, .reply = redis_reply_copy(reply)};
    }
    if (!k || !k->reply) {
        free(k);
        done(s->node, ERR_NO_MEMORY, NULL, arg);
        return;
    }
    TAILQ_INSERT_TAIL(&s->confirm.waiting, k, link);
    s->confirm.count++;
    ask(s);
}

void redis_confirm_probe(struct redis_shard *s)
{
    struct redis_confirm *c = &s->confirm;

    if (s->node->config->redis_wait_replicas > 0 && !c->probing && TAILQ_EMPTY(&c->asked)) {
        c->probing = send_wait(s, after_probe) == ERR_OK; /* else the server is away */
    }
}
