/*
 * Which command goes to which server, and again to another one where the first says so. Connecting
 * and pausing is redis_peer.c's matter, finding the servers redis_topology.c's.
 */
#include "shared/redis_sync.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shared/clock.h"
#include "shared/log.h"
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

/* One round: all that has no reply is sent, and then all replies are read */

static bool is_used(const struct redis_call *calls, size_t count, int place)
{
    for (size_t i = 0; i < count; i++) {
        if (calls[i].place == place && !calls[i].reply) {
            return true;
        }
    }
    return false;
}

struct round {
    bool repeatable;
    bool again; /* not all is answered for good */
    enum err err;
};

/* What broke while it was idle has told nothing of the server: once more, if that is safe. */
static void note(struct round *round, enum err err, bool broke)
{
    if (err && broke && round->repeatable) {
        round->again = true;
    } else if (err && !round->err) {
        round->err = err;
    }
}

static void run_round(
    struct redis_sync *r, struct redis_call *calls, size_t count, struct round *round)
{
    bool sent[REDIS_MASTERS_MAX] = {false};
    bool broke;

    for (int i = 0; i < (int)r->topology.count; i++) {
        if (is_used(calls, count, i)) {
            broke = false;
            enum err err = redis_peer_may_try(&r->peers[i]);
            if (!err) {
                err = redis_peer_send(&r->peers[i], &r->access, calls, count, i, &broke);
            }
            sent[i] = !err;
            note(round, err, broke);
        }
    }
    for (int i = 0; i < (int)r->topology.count; i++) {
        if (sent[i]) {
            enum err err = redis_peer_receive(&r->peers[i], &r->access, calls, count, i, &broke);
            note(round, err, broke);
        }
    }
}

/* Redirections */

static void reopen(struct redis_call *call)
{
    freeReplyObject(call->reply);
    call->reply = NULL;
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

static void sort_replies(
    struct redis_sync *r, struct redis_call *calls, size_t count, struct round *round)
{
    for (size_t i = 0; i < count; i++) {
        struct redis_call *call = &calls[i];
        bool leader_reopened = call->command->follows && i > 0 && !calls[i - 1].reply;

        if (leader_reopened) {
            call->place = calls[i - 1].place;
        }
        if (call->reply && (leader_reopened || is_to_run_again(r, call))) {
            reopen(call);
            round->again = true;
        }
    }
}

/* A whole pipeline */

static enum err route(const struct redis_sync *r, struct redis_call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (calls[i].reply) {
            continue;
        }
        bool follows = calls[i].command->follows && i > 0;
        calls[i].place =
            follows ? calls[i - 1].place
                    : redis_topology_find(&r->topology, r->url.mode, command_key(calls[i].command));
        if (calls[i].place < 0) {
            return ERR_REDIS_REFUSED; /* as CLUSTERDOWN */
        }
    }
    return ERR_OK;
}

static void pause_between_rounds(int number)
{
    if (number >= ROUNDS_AT_ONCE) {
        (void)nanosleep(&(struct timespec){.tv_nsec = ROUND_PAUSE_MS * 1000000L}, NULL);
    }
}

static enum err run_all(
    struct redis_sync *r, struct redis_call *calls, size_t count, bool repeatable)
{
    int64_t deadline_ms = clock_mono_ms() + r->access.config->redis_command_timeout_ms;
    struct round round = {.repeatable = repeatable, .again = true};

    enum err err = prepare(r);
    if (!err) {
        err = route(r, calls, count);
    }
    for (int number = 0; !err && round.again; number++) {
        pause_between_rounds(number);
        round.again = false;
        run_round(r, calls, count, &round);
        err = round.err;
        if (!err) {
            sort_replies(r, calls, count, &round);
        }
        if (!err && round.again && clock_mono_ms() >= deadline_ms) {
            err = ERR_REDIS_REFUSED;
        }
        if (!err && round.again && r->url.mode == REDIS_SENTINEL) {
            err = prepare(r);
        }
    }
    return err;
}

/* The first error among the replies. Another server may stand behind an address that refuses. */
static enum err check_replies(struct redis_sync *r, const struct redis_call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum err err = redis_reply_err(calls[i].reply);

        if (err) {
            struct slice key = command_key(calls[i].command);

            log_limited(LOG_ERROR, "redis answered an error", "key=\"%.*s\" reply=\"%.200s\"",
                (int)key.len, key.at, calls[i].reply->str);
            if (err == ERR_REDIS_REFUSED) {
                redis_peer_finish(&r->peers[calls[i].place]);
            }
            return err;
        }
    }
    return ERR_OK;
}

static enum err check_commands(const struct command *commands, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum err err = command_err(&commands[i]);

        if (err) {
            return err;
        }
    }
    return ERR_OK;
}

static struct redis_call *make_calls(const struct command *commands, size_t count)
{
    struct redis_call *calls = calloc(count + 1, sizeof(*calls));

    for (size_t i = 0; calls && i < count; i++) {
        calls[i].command = &commands[i];
    }
    return calls;
}

enum err redis_sync_run(struct redis_sync *r, const struct command *commands, size_t count,
    bool repeatable, struct redisReply **replies)
{
    for (size_t i = 0; i < count; i++) {
        replies[i] = NULL;
    }
    enum err err = check_commands(commands, count);
    if (err) {
        return err;
    }
    struct redis_call *calls = make_calls(commands, count);
    if (!calls) {
        return ERR_NO_MEMORY;
    }
    err = run_all(r, calls, count, repeatable);
    if (!err) {
        err = check_replies(r, calls, count);
    }
    if (err) {
        r->stale = true;
    }
    for (size_t i = 0; i < count; i++) {
        replies[i] = calls[i].reply;
    }
    free(calls);
    if (err) {
        redis_sync_free_replies(replies, count);
    }
    return err;
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
