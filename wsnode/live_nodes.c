/*
 * Asks for the table of nodes and for each one's lease, once a second.
 */
#include "wsnode/live_nodes.h"

#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/nodes.h"
#include "wsnode/redis_async.h"

#define REFRESH_MS 1000
/* A second, and the time that asking takes. */
#define USABLE_MS 2000
#define TEXT_BYTES_MAX ((size_t)1024 * 1024)

/* A node whose lease is asked for; the answers come from several servers, in any order. */
struct question {
    struct live_nodes *asker; /* borrowed */
    struct node_info *node;   /* borrowed */
};

struct live_nodes {
    struct node *node;          /* borrowed */
    struct node_info *nodes;    /* owned; being asked for */
    struct question *questions; /* owned; one per node */
    size_t count;
    size_t awaited; /* answers */
    bool failed;
    int64_t started_ms;
    int64_t known_ms; /* when the asking for text began; 0: never */
    struct buf text;
};

static bool run(struct live_nodes *l, struct command *c, redis_async_done *done, void *arg)
{
    enum err err = redis_async_run(l->node->redis, c, done, arg);

    command_finish(c);
    if (err) {
        l->failed = true;
        return false;
    }
    l->awaited++;
    return true;
}

static void after_all(struct live_nodes *l)
{
    if (l->failed) {
        return;
    }
    buf_reset(&l->text);
    for (size_t i = 0; i < l->count; i++) {
        const struct node_info *info = &l->nodes[i];
        if (strcmp(info->state, "dead") != 0 && strcmp(info->node_id, l->node->id) != 0) {
            buf_addf(&l->text, "%s %s\n", info->node_id, info->boot);
        }
    }
    if (buf_err(&l->text) == ERR_OK) {
        l->known_ms = l->started_ms;
    }
}

static void after_lease(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    const struct question *q = arg;
    struct live_nodes *l = q->asker;

    (void)n;
    l->awaited--;
    if (err) {
        l->failed = true;
    } else {
        nodes_apply_lease(reply, q->node);
    }
    if (l->awaited == 0) {
        after_all(l);
    }
}

static void ask_for_lease(struct live_nodes *l, struct question *q)
{
    struct command c;

    command_init(&c);
    nodes_get_lease_command(&c, l->node->config->redis_prefix, q->node->node_id);
    (void)run(l, &c, after_lease, q); /* a failure is noted */
}

static void ask_for_leases(struct live_nodes *l)
{
    l->questions = calloc(l->count + 1, sizeof(*l->questions));
    if (!l->questions) {
        l->failed = true;
        return;
    }
    for (size_t i = 0; i < l->count && !l->failed; i++) {
        l->questions[i] = (struct question){l, &l->nodes[i]};
        ask_for_lease(l, &l->questions[i]);
    }
}

static void after_list(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct live_nodes *l = arg;

    (void)n;
    l->awaited--;
    if (err || nodes_list_decode(reply, &l->nodes, &l->count)) {
        l->failed = true;
        return;
    }
    ask_for_leases(l);
    if (l->awaited == 0) {
        after_all(l);
    }
}

static void forget(struct live_nodes *l)
{
    free(l->nodes);
    free(l->questions);
    l->nodes = NULL;
    l->questions = NULL;
    l->count = 0;
}

static void ask(struct live_nodes *l, int64_t now_ms)
{
    struct command c;

    forget(l);
    l->failed = false;
    l->started_ms = now_ms;
    command_init(&c);
    nodes_list_command(&c, l->node->config->redis_prefix);
    (void)run(l, &c, after_list, l);
}

struct live_nodes *live_nodes_create(struct node *n)
{
    struct live_nodes *l = calloc(1, sizeof(*l));

    if (l) {
        l->node = n;
        buf_init(&l->text, TEXT_BYTES_MAX);
    }
    return l;
}

void live_nodes_destroy(struct live_nodes *l)
{
    if (!l) {
        return;
    }
    forget(l);
    buf_finish(&l->text);
    free(l);
}

void live_nodes_on_tick(struct live_nodes *l, int64_t now_ms)
{
    bool due = l->started_ms == 0 || now_ms - l->started_ms >= REFRESH_MS;

    if (due && l->awaited == 0 && redis_async_is_ready(l->node->redis)) {
        ask(l, now_ms);
    }
}

const char *live_nodes_text(const struct live_nodes *l, int64_t now_ms)
{
    bool usable = l->known_ms != 0 && now_ms - l->known_ms < USABLE_MS;

    return usable ? buf_str(&l->text) : NULL;
}
