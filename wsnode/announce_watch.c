/*
 * A round: take the watch; tell who is offline, and who has left; look at each node that has told
 * of sessions, and tell those of dead ones, some at a time. A command that fails ends its part of
 * the round; the next round begins anew.
 */
#include "wsnode/announce_watch.h"

#include <stdlib.h>
#include <string.h>

#include "shared/attendance.h"
#include "shared/clock.h"
#include "shared/log.h"
#include "shared/nodes.h"
#include "shared/redis_reply.h"
#include "wsnode/node.h"
#include "wsnode/redis_async.h"

#define ROUND_MS 1000
/* Shorter than a round, so that each one is anybody's. */
#define WATCH_MS 900
/* A script call must not hold up Redis: some 1 ms. */
#define PORTION 100

/* A node that is looked at. */
struct suspect {
    struct announce_watch *watch; /* borrowed */
    struct events_node node;
    int64_t lost; /* sessions told */
};

/* What is told once it is due: portion by portion, until nothing is left. */
struct duty {
    struct announce_watch *watch; /* borrowed */
    void (*add_command)(struct command *c, const struct events_rules *rules, int64_t count);
};

struct announce_watch {
    struct node *node;                /* borrowed */
    const struct events_rules *rules; /* borrowed */
    struct duty offline;
    struct duty parted;
    struct suspect *suspects; /* owned; of this round */
    int64_t next_ms;
    int64_t judges_ms; /* when it looks at other nodes again */
    size_t awaited;    /* answers */
};

static void run(struct announce_watch *w, struct command *c, redis_async_done *done, void *arg)
{
    w->awaited += redis_async_run(w->node->redis, c, done, arg) == ERR_OK;
    command_finish(c);
}

/* How many were told; 0 if it failed, too. */
static int64_t count_of(enum err err, const struct redisReply *reply)
{
    int64_t count = 0;

    return !err && redis_reply_int(reply, &count) == ERR_OK ? count : 0;
}

static void tell_due(struct duty *d);

static void after_due(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct duty *d = arg;

    (void)n;
    d->watch->awaited--;
    if (count_of(err, reply) == PORTION) {
        tell_due(d);
    }
}

static void tell_due(struct duty *d)
{
    struct command c;

    command_init(&c);
    d->add_command(&c, d->watch->rules, PORTION);
    run(d->watch, &c, after_due, d);
}

static void ask_for_lease(struct suspect *s);

static void after_lost(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct suspect *s = arg;
    int64_t count = count_of(err, reply);

    (void)n;
    s->watch->awaited--;
    s->lost += count;
    if (count > 0) {
        ask_for_lease(s); /* it may be back */
    } else if (!err && s->lost > 0) {
        log_info("sessions of a dead node told lost", "node=%s boot=%s sessions=%lld",
            s->node.node_id, s->node.boot, (long long)s->lost);
    }
}

static void tell_lost(struct suspect *s)
{
    struct command c;

    command_init(&c);
    events_lost_command(&c, s->watch->rules, &s->node, PORTION);
    run(s->watch, &c, after_lost, s);
}

static void after_lease(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct suspect *s = arg;
    struct slice boot = redis_reply_text(reply);

    (void)n;
    s->watch->awaited--;
    bool lives = boot.at && slice_equal(boot, s->node.boot);
    if (!err && !lives) {
        tell_lost(s);
    }
}

static void ask_for_lease(struct suspect *s)
{
    struct command c;

    command_init(&c);
    nodes_get_lease_command(&c, s->watch->rules->prefix, s->node.node_id);
    run(s->watch, &c, after_lease, s);
}

static void look_at(struct announce_watch *w, const struct events_node *nodes, size_t count)
{
    free(w->suspects);
    w->suspects = calloc(count + 1, sizeof(*w->suspects));
    for (size_t i = 0; w->suspects && i < count; i++) {
        bool is_self =
            strcmp(nodes[i].node_id, w->node->id) == 0 && strcmp(nodes[i].boot, w->node->boot) == 0;
        w->suspects[i] = (struct suspect){.watch = w, .node = nodes[i]};
        if (!is_self) {
            ask_for_lease(&w->suspects[i]);
        }
    }
}

static void after_nodes(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct announce_watch *w = arg;
    struct events_node *nodes;
    size_t count;

    (void)n;
    w->awaited--;
    if (!err && events_nodes_decode(reply, &nodes, &count) == ERR_OK) {
        look_at(w, nodes, count);
        free(nodes);
    }
}

static void after_watch(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct announce_watch *w = arg;
    struct command c;

    (void)n;
    w->awaited--;
    if (err || redis_reply_is_nil(reply)) {
        return;
    }
    tell_due(&w->offline);
    tell_due(&w->parted);
    if (clock_mono_ms() < w->judges_ms) {
        return;
    }
    command_init(&c);
    events_nodes_command(&c, w->rules);
    run(w, &c, after_nodes, w);
}

struct announce_watch *announce_watch_create(struct node *n, const struct events_rules *rules)
{
    struct announce_watch *w = calloc(1, sizeof(*w));

    if (w) {
        w->node = n;
        w->rules = rules;
        w->offline = (struct duty){w, events_offline_command};
        w->parted = (struct duty){w, attendance_parted_command};
    }
    return w;
}

void announce_watch_destroy(struct announce_watch *w)
{
    if (w) {
        free(w->suspects);
        free(w);
    }
}

void announce_watch_on_redis_ready(struct announce_watch *w, int64_t now_ms)
{
    w->judges_ms = now_ms + w->node->config->registry_node_lease_ms;
}

void announce_watch_on_tick(struct announce_watch *w, int64_t now_ms)
{
    struct command c;

    if (now_ms < w->next_ms || w->awaited > 0) {
        return;
    }
    w->next_ms = now_ms + ROUND_MS;
    command_init(&c);
    events_watch_command(&c, w->rules, w->node->id, WATCH_MS);
    run(w, &c, after_watch, w);
}
