/*
 * A Redis stream, read as a member of a consumer group. What a consumer was given and has not
 * acknowledged is pending: after a failure it reads its own pending entries again, and those of
 * consumers that have fallen silent are claimed (XAUTOCLAIM).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "shared/redis_sync.h"
#include "wsctl/source.h"
#include "wsctl/stream_reply.h"

#define STREAM_START "0-0"
#define DEAD_SUFFIX ":dead"

struct stream {
    struct source base;
    struct config config;     /* borrowed strings: as given, but redis.url is the queue's */
    struct redis_sync *redis; /* owned */
    char consumer[QUEUE_NAME_BYTES_MAX + 1];
    char dead_letters[QUEUE_NAME_BYTES_MAX + sizeof(DEAD_SUFFIX)];
    bool joined;                  /* the group is there */
    bool rereads_own;             /* own pending entries may be left from before */
    int64_t claim_at_ms;          /* monotonic */
    struct message_id claim_from; /* where the next claim goes on */
};

static void name_consumer(struct stream *s)
{
    char host[128] = "";

    if (*s->config.consume_name) {
        snprintf(s->consumer, sizeof(s->consumer), "%s", s->config.consume_name);
    } else {
        (void)gethostname(host, sizeof(host) - 1); /* the process' id alone does for one host */
        snprintf(s->consumer, sizeof(s->consumer), "%s-%ld", host, (long)getpid());
    }
}

static enum err stream_create(const struct config *config, struct source **out, struct problem *p)
{
    struct stream *s = calloc(1, sizeof(*s));

    if (!s) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    s->base.kind = &source_stream;
    s->config = *config;
    s->config.redis_url = config->consume_url;
    s->rereads_own = true;
    name_consumer(s);
    bool is_named = *config->consume_dead_letters;
    snprintf(s->dead_letters, sizeof(s->dead_letters), "%s%s",
        is_named ? config->consume_dead_letters : config->consume_queue,
        is_named ? "" : DEAD_SUFFIX);
    enum err err = redis_sync_create(&s->config, &s->redis, p);
    if (err) {
        free(s);
        return err;
    }
    *out = &s->base;
    return ERR_OK;
}

/* Logged by redis_sync, but for what it cannot know. */
static bool run(struct stream *s, struct command *commands, size_t count, bool repeatable,
    struct redisReply **replies)
{
    enum err err = redis_sync_run(s->redis, commands, count, repeatable, replies);

    if (err) {
        log_limited(LOG_WARN, "queue out of reach", "stream=\"%s\" why=%s", s->config.consume_queue,
            err_name(err));
        s->joined = false;
        s->rereads_own = true;
    }
    return !err;
}

static bool run_one(struct stream *s, struct command *c, bool repeatable)
{
    struct redisReply *reply;
    bool ok = run(s, c, 1, repeatable, &reply);

    if (ok) {
        redis_sync_free_replies(&reply, 1);
    }
    command_finish(c);
    return ok;
}

static void start(struct command *c, const char *name, const char *key)
{
    command_init(c);
    command_add_str(c, name);
    command_add_str(c, key);
}

static bool join(struct stream *s)
{
    struct command c;

    if (s->joined) {
        return true;
    }
    command_init(&c);
    command_start_script(&c, &script_queue_join, 1);
    command_add_str(&c, s->config.consume_queue);
    command_add_str(&c, s->config.consume_group);
    s->joined = run_one(s, &c, true);
    return s->joined;
}

/* Receiving */

static bool understood(struct stream *s, enum err err)
{
    if (err) {
        log_limited(LOG_ERROR, "redis answered something unknown", "stream=\"%s\"",
            s->config.consume_queue);
        s->rereads_own = true;
    }
    return !err;
}

static void start_read(const struct stream *s, struct command *c, size_t max)
{
    start(c, "XREADGROUP", "GROUP");
    command_add_str(c, s->config.consume_group);
    command_add_str(c, s->consumer);
    command_add_str(c, "COUNT");
    command_add_int(c, (int64_t)max);
}

/* from: ">", what nobody was given yet; else own pending entries after it. wait_ms: 0 does not
 * wait. */
static bool read_group(struct stream *s, const char *from, int64_t wait_ms,
    struct queue_message *out, size_t max, size_t *count)
{
    struct command commands[2];
    struct redisReply *replies[2];

    /* In a cluster the first command finds the server, because its key is where keys mostly are. */
    start(&commands[0], "EXISTS", s->config.consume_queue);
    start_read(s, &commands[1], max);
    if (wait_ms > 0) {
        command_add_str(&commands[1], "BLOCK");
        command_add_int(&commands[1], wait_ms);
    }
    command_add_str(&commands[1], "STREAMS");
    command_add_str(&commands[1], s->config.consume_queue);
    command_add_str(&commands[1], from);
    commands[1].follows = true;
    bool ok = run(s, commands, 2, false, replies);
    if (ok) {
        ok = understood(s, stream_reply_read(replies[1], s->config.consume_queue, out, max, count));
        redis_sync_free_replies(replies, 2);
    }
    command_finish(&commands[0]);
    command_finish(&commands[1]);
    return ok;
}

static bool reread(struct stream *s, struct queue_message *out, size_t max, size_t *count)
{
    if (!s->rereads_own) {
        return true;
    }
    bool ok = read_group(s, STREAM_START, 0, out, max, count);
    s->rereads_own = !ok || *count > 0;
    return ok;
}

/* Takes over what others have held for too long: a look at all that is pending, bit by bit. */
static bool claim(struct stream *s, struct queue_message *out, size_t max, size_t *count)
{
    struct command c;
    struct redisReply *reply;
    char from[MESSAGE_ID_BYTES];

    if (message_id_is_zero(s->claim_from) && clock_mono_ms() < s->claim_at_ms) {
        return true;
    }
    s->claim_at_ms = clock_mono_ms() + s->config.consume_claim_idle_ms / 4;
    start(&c, "XAUTOCLAIM", s->config.consume_queue);
    command_add_str(&c, s->config.consume_group);
    command_add_str(&c, s->consumer);
    command_add_int(&c, s->config.consume_claim_idle_ms);
    command_add_str(&c, message_id_format(s->claim_from, from));
    command_add_str(&c, "COUNT");
    command_add_int(&c, (int64_t)max);
    bool ok = run(s, &c, 1, false, &reply);
    if (ok) {
        ok = understood(
            s, stream_reply_claim(reply, s->config.consume_queue, out, max, count, &s->claim_from));
        redis_sync_free_replies(&reply, 1);
    }
    command_finish(&c);
    if (ok && *count > 0) {
        log_info("took over what another consumer held", "stream=\"%s\" messages=%zu",
            s->config.consume_queue, *count);
    }
    return ok;
}

static bool stream_receive(
    struct source *source, struct queue_message *out, size_t max, int64_t wait_ms, size_t *count)
{
    struct stream *s = (struct stream *)source;
    int64_t block_ms = s->config.redis_command_timeout_ms / 2;

    *count = 0;
    block_ms = wait_ms < block_ms ? wait_ms : block_ms;
    bool ok = join(s) && reread(s, out, max, count);
    if (ok && *count == 0) {
        ok = claim(s, out, max, count);
    }
    if (ok && *count == 0) {
        ok = read_group(s, ">", block_ms > 0 ? block_ms : 1, out, max, count);
    }
    return ok;
}

/* Settling */

static void encode_dead_letter(
    const struct stream *s, const struct queue_message *m, struct command *c)
{
    start(c, "XADD", s->dead_letters);
    command_add_str(c, "*");
    command_add_str(c, STREAM_BODY_FIELD);
    command_add(c, buf_str(&m->body), m->body.len);
    command_add_str(c, "stream");
    command_add_str(c, s->config.consume_queue);
    command_add_str(c, "id");
    command_add_str(c, m->entry);
    command_add_str(c, "code");
    command_add_int(c, m->fate.code);
    command_add_str(c, "why");
    command_add_str(c, m->fate.why);
}

static bool bury(struct stream *s, const struct queue_message *messages, size_t count)
{
    struct command c;

    for (size_t i = 0; i < count; i++) {
        if (messages[i].fate.verdict == VERDICT_DEAD) {
            encode_dead_letter(s, &messages[i], &c);
            if (!run_one(s, &c, false)) {
                return false;
            }
        }
    }
    return true;
}

static size_t encode_acknowledgements(const struct stream *s, const struct queue_message *messages,
    size_t count, struct command *commands)
{
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        if (!fate_is_final(&messages[i].fate)) {
            continue;
        }
        start(&commands[used], "XACK", s->config.consume_queue);
        command_add_str(&commands[used], s->config.consume_group);
        command_add_str(&commands[used++], messages[i].entry);
        if (s->config.consume_delete) {
            start(&commands[used], "XDEL", s->config.consume_queue);
            command_add_str(&commands[used++], messages[i].entry);
        }
    }
    return used;
}

static bool stream_settle(struct source *source, const struct queue_message *messages, size_t count)
{
    struct stream *s = (struct stream *)source;
    struct command *commands = calloc(2 * count + 1, sizeof(*commands));
    struct redisReply **replies = calloc(2 * count + 1, sizeof(struct redisReply *));
    bool ok = commands && replies && bury(s, messages, count);

    if (ok) {
        size_t used = encode_acknowledgements(s, messages, count, commands);
        ok = used == 0 || run(s, commands, used, true, replies);
        if (ok) {
            redis_sync_free_replies(replies, used);
        }
        for (size_t i = 0; i < used; i++) {
            command_finish(&commands[i]);
        }
    }
    s->rereads_own = s->rereads_own || !ok;
    free(commands);
    free(replies);
    return ok;
}

static void stream_wait(struct source *source, int64_t wait_ms)
{
    struct timespec pause = {wait_ms / 1000, wait_ms % 1000 * 1000000L};

    (void)source;
    (void)nanosleep(&pause, NULL); /* a signal ends it */
}

/* A name that was made up for this process never comes back. */
static void leave(struct stream *s)
{
    struct command c;

    if (*s->config.consume_name || !s->joined) {
        return;
    }
    command_init(&c);
    command_start_script(&c, &script_queue_leave, 1);
    command_add_str(&c, s->config.consume_queue);
    command_add_str(&c, s->config.consume_group);
    command_add_str(&c, s->consumer);
    (void)run_one(s, &c, true);
}

static void stream_destroy(struct source *source)
{
    struct stream *s = (struct stream *)source;

    leave(s);
    redis_sync_destroy(s->redis);
    free(s);
}

const struct source_kind source_stream = {
    .create = stream_create,
    .destroy = stream_destroy,
    .receive = stream_receive,
    .settle = stream_settle,
    .wait = stream_wait,
};
