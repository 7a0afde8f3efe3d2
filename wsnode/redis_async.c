/*
 * Which command goes to which server, and what becomes of the servers when the topology changes.
 * There is one shard per master; commands of one user go to the same one, in order.
 */
#include "wsnode/redis_async.h"

#include <stdlib.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "shared/nodes.h"
#include "shared/redis_reply.h"
#include "wsnode/loop.h"
#include "wsnode/node.h"
#include "wsnode/redis_control.h"
#include "wsnode/redis_finder.h"
#include "wsnode/redis_shard.h"

/* So many keys are tried to find one of each master. In vain, if one has hardly a slot. */
#define PROBES_MAX 4096

struct redis_async {
    struct node *node; /* borrowed */
    const struct redis_async_events *events;
    struct redis_url url;
    struct redis_finder *finder; /* owned */
    struct redis_control control;
    struct redis_topology topology;
    struct redis_shard *shards[REDIS_MASTERS_MAX]; /* owned; of topology.places */
    bool stopped;
};

/* Events of a shard */

static void on_ready(struct redis_shard *s, bool data_lost)
{
    s->redis->events->on_ready(s->node, data_lost);
}

static void ask_for_servers(struct redis_async *r)
{
    redis_finder_ask(r->finder, clock_mono_ms());
}

/* To a server that is known already; others are found by asking the cluster. */
static bool on_redirect(
    struct redis_shard *s, struct redis_request *request, const struct redisReply *reply)
{
    struct redis_async *r = s->redis;
    struct redis_place to;
    unsigned slot;

    enum redis_redirect kind = redis_redirect_decode(reply, &s->place, &slot, &to);
    if (kind == REDIS_STAYS || r->stopped) {
        return false;
    }
    if (kind == REDIS_MOVED) {
        ask_for_servers(r);
    }
    for (size_t i = 0; i < r->topology.count; i++) {
        if (!redis_place_equal(&r->topology.places[i], &to)) {
            continue;
        }
        if (kind == REDIS_MOVED) {
            r->topology.owner[slot] = (unsigned char)(i + 1);
        }
        return redis_shard_take(r->shards[i], request, kind == REDIS_ASK) == ERR_OK;
    }
    return false;
}

static const struct redis_shard_events shard_events = {
    .on_ready = on_ready, .on_redirect = on_redirect};

/* Servers */

/* The shard of a place that was known before, taken out; or a new one. NULL: no memory. */
static struct redis_shard *take_shard(struct redis_async *r, const struct redis_place *place)
{
    for (size_t i = 0; i < r->topology.count; i++) {
        struct redis_shard *s = r->shards[i];

        if (s && redis_place_equal(&s->place, place)) {
            r->shards[i] = NULL;
            return s;
        }
    }
    return redis_shard_create(r, r->node, &r->url, place, &shard_events);
}

/* Whoever is told that a command of theirs failed, and asks for a server, finds none meanwhile. */
static void end_shards(struct redis_async *r)
{
    size_t count = r->topology.count;

    r->topology.count = 0;
    for (size_t i = 0; i < count; i++) {
        if (r->shards[i]) {
            redis_shard_destroy(r->shards[i]);
        }
        r->shards[i] = NULL;
    }
}

static void adopt(struct redis_async *r, const struct redis_topology *found)
{
    struct redis_shard *shards[REDIS_MASTERS_MAX];
    size_t count = 0;

    while (count < found->count && (shards[count] = take_shard(r, &found->places[count]))) {
        count++;
    }
    end_shards(r); /* those that are left */
    r->topology = *found;
    r->topology.count = count; /* without memory, some slots have no shard until the next time */
    for (size_t i = 0; i < count; i++) {
        r->shards[i] = shards[i];
    }
    redis_control_on_topology(&r->control, &r->topology);
}

static void connect_shards(struct redis_async *r)
{
    int64_t now_ms = clock_mono_ms();

    for (size_t i = 0; i < r->topology.count; i++) {
        redis_connection_connect(&r->shards[i]->connection, &r->topology.places[i], now_ms);
    }
}

static void on_found(void *arg)
{
    struct redis_async *r = arg;

    adopt(r, redis_finder_topology(r->finder));
    connect_shards(r);
    redis_control_on_tick(&r->control, &r->topology, clock_mono_ms());
}

static bool is_any_due(const struct redis_async *r, int64_t now_ms)
{
    for (size_t i = 0; i < r->topology.count; i++) {
        if (redis_connection_is_due(&r->shards[i]->connection, now_ms)) {
            return true;
        }
    }
    return r->topology.count == 0;
}

/* Connects only to what has just been named as a master: the server of before may be another's
 * replica by now, or about to become one. */
static void keep_connected(struct redis_async *r, int64_t now_ms)
{
    if (!is_any_due(r, now_ms)) {
        return;
    }
    if (r->url.mode == REDIS_DIRECT && r->topology.count > 0) {
        connect_shards(r);
    } else {
        redis_finder_ask(r->finder, now_ms);
    }
}

/* The whole */

enum err redis_async_create(struct node *n, const struct redis_async_events *events,
    struct redis_async **out, struct problem *p)
{
    struct redis_async *r = calloc(1, sizeof(*r));

    if (!r) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    r->node = n;
    r->events = events;
    enum err err = redis_url_parse(n->config->redis_url, &r->url, p);
    if (err) {
        free(r);
        return err;
    }
    r->finder = redis_finder_create(n->config, &r->url, loop_uv(n->loop), on_found, r);
    if (!r->finder) {
        free(r);
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    redis_control_init(&r->control, n, &r->url, events->on_hint);
    *out = r;
    return ERR_OK;
}

void redis_async_stop(struct redis_async *r)
{
    r->stopped = true;
    redis_finder_stop(r->finder);
    end_shards(r);
    redis_control_stop(&r->control);
}

void redis_async_destroy(struct redis_async *r)
{
    if (!r) {
        return;
    }
    redis_finder_destroy(r->finder);
    free(r);
}

void redis_async_on_tick(struct redis_async *r, int64_t now_ms)
{
    for (size_t i = 0; i < r->topology.count; i++) {
        redis_shard_on_tick(r->shards[i], now_ms);
    }
    keep_connected(r, now_ms);
    redis_control_on_tick(&r->control, &r->topology, now_ms);
}

static size_t count_ready(const struct redis_async *r)
{
    size_t count = 0;

    for (size_t i = 0; i < r->topology.count; i++) {
        count += r->shards[i]->ready;
    }
    return count;
}

bool redis_async_is_ready(const struct redis_async *r)
{
    return count_ready(r) > 0;
}

bool redis_async_is_whole(const struct redis_async *r)
{
    return r->topology.count > 0 && count_ready(r) == r->topology.count;
}

bool redis_async_takes_writes(const struct redis_async *r)
{
    for (size_t i = 0; i < r->topology.count; i++) {
        if (r->shards[i]->refuses) {
            return false;
        }
    }
    return true;
}

bool redis_async_has_replicas(const struct redis_async *r)
{
    for (size_t i = 0; i < r->topology.count; i++) {
        if (r->shards[i]->confirm.fails) {
            return false;
        }
    }
    return true;
}

/* -1: none is known. */
static int find_place(const struct redis_async *r, const struct command *c)
{
    int place = redis_topology_find(&r->topology, r->url.mode, command_key(c));

    return place >= 0 && (size_t)place < r->topology.count ? place : -1;
}

/* NULL: none is known. */
static struct redis_shard *find_shard(const struct redis_async *r, const struct command *c)
{
    int place = find_place(r, c);

    return place >= 0 ? r->shards[place] : NULL;
}

void redis_async_probe(struct redis_async *r)
{
    const struct config *config = r->node->config;
    bool probed[REDIS_MASTERS_MAX] = {false};
    size_t left = r->topology.count;

    for (int64_t number = 0; left > 0 && number < PROBES_MAX; number++) {
        struct command c;

        command_init(&c);
        nodes_probe_command(&c, config->redis_prefix, number, config->registry_node_lease_ms);
        int place = find_place(r, &c);
        if (place >= 0 && !probed[place]) {
            redis_shard_probe(r->shards[place], &c);
            probed[place] = true;
            left--;
        }
        command_finish(&c);
    }
}

enum err redis_async_run(
    struct redis_async *r, const struct command *c, redis_async_done *done, void *arg)
{
    struct redis_shard *s = find_shard(r, c);

    return s ? redis_shard_run(s, c, r->url.mode == REDIS_CLUSTER, done, arg) : ERR_REDIS_DOWN;
}

enum err redis_async_run_confirmed(
    struct redis_async *r, const struct command *c, redis_async_done *done, void *arg)
{
    struct redis_shard *s = find_shard(r, c);

    return s ? redis_shard_run_confirmed(s, c, r->url.mode == REDIS_CLUSTER, done, arg)
             : ERR_REDIS_DOWN;
}

int64_t redis_async_in_flight(const struct redis_async *r)
{
    int64_t count = 0;

    for (size_t i = 0; i < r->topology.count; i++) {
        count += r->shards[i]->in_flight + r->shards[i]->confirm.count;
    }
    return count;
}
