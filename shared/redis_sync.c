/*
 * Which command goes to which server, and again to another one where the first says so. Connecting
 * and pausing is redis_peer.c's matter, finding the servers redis_topology.c's.
 */
#include "shared/redis_sync.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <time.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "shared/redis_calls.h"
#include "shared/redis_peer.h"
#include "shared/redis_topology.h"

/* A cluster that moves keys answers TRYAGAIN; so many rounds are made at once before pausing. */
#define ROUNDS_AT_ONCE 3
#define ROUND_PAUSE_MS 20

struct redis_sync {
    struct redis_access access;
    struct redis_url url;
    struct redis_topology topology;
    struct redis_peer *peers; /* owned; of topology.places */
    bool stale;               /* the cluster is not as the topology says */
    int64_t discover_at_ms;   /* monotonic; a stale topology is used until then */
};

enum err redis_sync_create(const struct config *config, struct redis_sync **out, struct problem *p)
{
    struct redis_sync *r = calloc(1, sizeof(*r));

    if (!r) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    r->peers = calloc(REDIS_MASTERS_MAX, sizeof(*r->peers));
    if (!r->peers) {
        free(r);
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    enum err err = redis_url_parse(config->redis_url, &r->url, p);
    if (err) {
        redis_sync_destroy(r);
        return err;
    }
    r->access = (struct redis_access){config, &r->url.login, r->url.db};
    r->peers[0].place = r->url.seeds[0];
    *out = r;
    return ERR_OK;
}

void redis_sync_destroy(struct redis_sync *r)
{
    if (!r) {
        return;
    }
    for (size_t i = 0; i < REDIS_MASTERS_MAX; i++) {
        redis_peer_finish(&r->peers[i]);
    }
    free(r->peers);
    free(r);
}

/* Servers */

/* Takes over the connections to servers that are still there, and ends the others. */
static enum err adopt(struct redis_sync *r, const struct redis_topology *found)
{
    struct redis_peer *peers = calloc(REDIS_MASTERS_MAX, sizeof(*peers));

    if (!peers) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < found->count; i++) {
        peers[i].place = found->places[i];
        for (size_t j = 0; j < REDIS_MASTERS_MAX; j++) {
            if (redis_place_equal(&r->peers[j].place, &found->places[i])) {
                peers[i] = r->peers[j];
                r->peers[j] = (struct redis_peer){.context = NULL};
                break;
            }
        }
    }
    for (size_t i = 0; i < REDIS_MASTERS_MAX; i++) {
        redis_peer_finish(&r->peers[i]);
    }
    free(r->peers);
    r->peers = peers;
    r->topology = *found;
    r->stale = false;
    return ERR_OK;
}

/* A cluster that cannot be asked is used as it was known. */
static enum err discover(struct redis_sync *r)
{
    struct redis_topology found = r->topology;
    struct problem why = {.err = ERR_OK};

    enum err err = redis_topology_discover(r->access.config, &r->url, &found, &why);
    if (!err) {
        return adopt(r, &found);
    }
    r->discover_at_ms = clock_mono_ms() + r->access.config->redis_retry_max_ms;
    if (r->url.mode == REDIS_CLUSTER && r->topology.count > 0) {
        char url[REDIS_URL_TEXT_BYTES];

        redis_url_describe(&r->url, url, sizeof(url));
        log_limited(LOG_WARN, "redis cluster not found again", "url=%s why=\"%s\"", url, why.msg);
        return ERR_OK;
    }
    redis_peer_fail(&r->peers[0], r->access.config, err, why.msg);
    return err;
}

/* Sentinels are asked before each connect, a cluster when it turned out to be different. */
static bool must_discover(struct redis_sync *r)
{
    if (r->topology.count == 0) {
        return true;
    }
    switch (r->url.mode) {
    case REDIS_DIRECT:
        return false;
    case REDIS_SENTINEL:
        return !r->peers[0].context;
    case REDIS_CLUSTER:
        return r->stale && clock_mono_ms() >= r->discover_at_ms;
    }
    return false;
}

static enum err prepare(struct redis_sync *r)
{
    for (size_t i = 0; i < r->topology.count; i++) {
        redis_peer_check(&r->peers[i]);
    }
    if (!must_discover(r)) {
        return ERR_OK;
    }
    enum err err = r->url.mode == REDIS_CLUSTER && r->topology.count > 0
                       ? ERR_OK
                       : redis_peer_may_try(&r->peers[0]);
    return err ? err : discover(r);
}

/* One round: all that is open is sent, and then all replies are read */

struct round {
    struct redis_call *calls;
    size_t count;
    bool repeatable;
    bool again; /* not all is answered for good */
};

/* What broke while it was idle has told nothing of the server: once more, if that is safe. */
static void note(struct round *round, int place, enum err err, bool broke)
{
    if (err && broke && round->repeatable) {
        round->again = true;
    } else if (err) {
        redis_calls_give_up(round->calls, round->count, place, err);
    }
}

static void run_round(struct redis_sync *r, struct round *round)
{
    bool sent[REDIS_MASTERS_MAX] = {false};
    bool broke;

    for (int i = 0; i < (int)r->topology.count; i++) {
        if (redis_calls_any_open(round->calls, round->count, i)) {
            broke = false;
            enum err err = redis_peer_may_try(&r->peers[i]);
            if (!err) {
                err = redis_peer_send(
                    &r->peers[i], &r->access, round->calls, round->count, i, &broke);
            }
            sent[i] = !err;
            note(round, i, err, broke);
        }
    }
    for (int i = 0; i < (int)r->topology.count; i++) {
        if (sent[i]) {
            enum err err =
                redis_peer_receive(&r->peers[i], &r->access, round->calls, round->count, i, &broke);
            note(round, i, err, broke);
        }
    }
}

/* Redirections */

static void reopen(struct redis_call *call)
{
    freeReplyObject(call->reply);
    call->reply = NULL;
    call->late = true;
}

/* The slot has another owner, for good or for this call. */
static bool redirect(struct redis_sync *r, struct redis_call *call)
{
    struct redis_place to;
    unsigned slot;

    enum redis_redirect kind =
        redis_redirect_decode(call->reply, &r->topology.places[call->place], &slot, &to);
    if (kind == REDIS_STAYS) {
        return false;
    }
    int place = redis_topology_add(&r->topology, &to);
    if (place < 0) {
        return false;
    }
    r->peers[place].place = to;
    call->place = place;
    call->asking = kind == REDIS_ASK;
    call->as_eval = call->command->script != NULL; /* whether the other one knows it or not */
    if (kind == REDIS_MOVED) {
        r->topology.owner[slot] = (unsigned char)(place + 1);
        r->stale = true;
    }
    return true;
}

/* Must the call run again, here or elsewhere? */
static bool is_to_run_again(struct redis_sync *r, struct redis_call *call)
{
    if (call->command->script && !call->as_eval && redis_reply_is_noscript(call->reply)) {
        call->as_eval = true;
        return true;
    }
    return r->url.mode == REDIS_CLUSTER &&
           (redis_reply_is_try_again(call->reply) || redirect(r, call));
}

static void sort_replies(struct redis_sync *r, struct round *round)
{
    for (size_t i = 0; i < round->count; i++) {
        struct redis_call *call = &round->calls[i];
        bool leader_reopened = call->command->follows && i > 0 && redis_call_is_open(call - 1);

        if (leader_reopened) {
            call->place = call[-1].place;
        }
        if (call->reply && (leader_reopened || is_to_run_again(r, call))) {
            reopen(call);
            round->again = true;
        }
    }
}

/* A whole pipeline */

static void route(const struct redis_sync *r, struct redis_call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool follows = calls[i].command->follows && i > 0;

        calls[i].place =
            follows ? calls[i - 1].place
                    : redis_topology_find(&r->topology, r->url.mode, command_key(calls[i].command));
        if (calls[i].place < 0 && redis_call_is_open(&calls[i])) {
            calls[i].err = ERR_REDIS_REFUSED; /* as CLUSTERDOWN */
        }
    }
}

static void pause_between_rounds(int number)
{
    if (number >= ROUNDS_AT_ONCE) {
        (void)nanosleep(&(struct timespec){.tv_nsec = ROUND_PAUSE_MS * 1000000L}, NULL);
    }
}

static void run_all(struct redis_sync *r, struct redis_call *calls, size_t count, bool repeatable)
{
    int64_t deadline_ms = clock_mono_ms() + r->access.config->redis_command_timeout_ms;
    struct round round = {.calls = calls, .count = count, .repeatable = repeatable, .again = true};

    enum err err = prepare(r);
    if (!err) {
        route(r, calls, count);
        redis_calls_lead_scripts(calls, count);
    }
    for (int number = 0; !err && round.again; number++) {
        pause_between_rounds(number);
        round.again = false;
        run_round(r, &round);
        sort_replies(r, &round);
        if (round.again && clock_mono_ms() >= deadline_ms) {
            err = ERR_REDIS_REFUSED;
        }
        if (!err && round.again && r->url.mode == REDIS_SENTINEL) {
            err = prepare(r);
        }
    }
    redis_calls_give_up(calls, count, REDIS_EVERY_PLACE, err);
}

/* An error reply is none. Another server may stand behind an address that refuses. */
static void check_reply(struct redis_sync *r, struct redis_call *call)
{
    enum err err = redis_reply_err(call->reply);

    if (!err) {
        return;
    }
    struct slice key = command_key(call->command);
    log_limited(redis_error_level(err), "redis answered an error", "key=\"%.*s\" reply=\"%.200s\"",
        (int)key.len, key.at, call->reply->str);
    if (err == ERR_REDIS_REFUSED) {
        redis_peer_finish(&r->peers[call->place]);
    }
    freeReplyObject(call->reply);
    call->reply = NULL;
    call->err = err;
}

void redis_sync_run_each(struct redis_sync *r, const struct command *commands, size_t count,
    bool repeatable, struct redisReply **replies, struct redis_fate *fates)
{
    struct redis_call *calls = calloc(count + 1, sizeof(*calls));

    for (size_t i = 0; i < count; i++) {
        replies[i] = NULL;
        fates[i] = (struct redis_fate){.err = ERR_NO_MEMORY};
    }
    if (!calls) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        calls[i] = (struct redis_call){.command = &commands[i], .err = command_err(&commands[i])};
    }
    run_all(r, calls, count, repeatable);
    for (size_t i = 0; i < count; i++) {
        if (!calls[i].err) {
            check_reply(r, &calls[i]);
        }
        r->stale = r->stale || calls[i].err;
        replies[i] = calls[i].reply;
        fates[i] = (struct redis_fate){calls[i].err, calls[i].late, calls[i].place};
    }
    free(calls);
}

static enum err first_failure(const struct redis_fate *fates, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fates[i].err) {
            return fates[i].err;
        }
    }
    return ERR_OK;
}

enum err redis_sync_run(struct redis_sync *r, const struct command *commands, size_t count,
    bool repeatable, struct redisReply **replies)
{
    struct redis_fate *fates = calloc(count + 1, sizeof(*fates));
    enum err err = fates ? redis_commands_err(commands, count) : ERR_NO_MEMORY;

    for (size_t i = 0; i < count; i++) {
        replies[i] = NULL;
    }
    if (!err) {
        redis_sync_run_each(r, commands, count, repeatable, replies, fates);
        err = first_failure(fates, count);
    }
    if (err) {
        redis_sync_free_replies(replies, count);
    }
    free(fates);
    return err;
}

int redis_sync_place(const struct redis_sync *r, const struct command *c)
{
    return redis_topology_find(&r->topology, r->url.mode, command_key(c));
}

void redis_sync_free_replies(struct redisReply **replies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (replies[i]) {
            freeReplyObject(replies[i]);
        }
        replies[i] = NULL;
    }
}
