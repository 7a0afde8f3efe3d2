/*
 * Connect, pause, give up. hiredis leaves a connection unusable after a time-out, so every failure
 * closes it.
 */
#include "shared/redis_peer.h"

#include <hiredis/hiredis.h>
#include <poll.h>

#include "shared/clock.h"
#include "shared/log.h"

static void disconnect(struct redis_peer *peer)
{
    if (peer->context) {
        redisFree(peer->context);
    }
    peer->context = NULL;
    peer->was_used = false;
}

void redis_peer_finish(struct redis_peer *peer)
{
    disconnect(peer);
}

/* An idle connection has nothing to read, unless the server has closed it. */
void redis_peer_check(struct redis_peer *peer)
{
    if (!peer->context) {
        return;
    }
    struct pollfd poll_fd = {.fd = peer->context->fd, .events = POLLIN};
    if (poll(&poll_fd, 1, 0) != 0) {
        disconnect(peer);
    }
}

enum err redis_peer_may_try(const struct redis_peer *peer)
{
    bool pauses = !peer->context && peer->failure && clock_mono_ms() < peer->backoff.due_ms;

    return pauses ? peer->failure : ERR_OK;
}

void redis_peer_fail(
    struct redis_peer *peer, const struct config *config, enum err err, const char *why)
{
    char where[REDIS_PLACE_BYTES];

    disconnect(peer);
    log_limited(LOG_WARN, "redis is away", "server=%s err=%s why=\"%s\"",
        redis_place_describe(&peer->place, where), err_name(err), why);
    peer->failure = err;
    backoff_fail(
        &peer->backoff, clock_mono_ms(), config->redis_retry_min_ms, config->redis_retry_max_ms);
}

static enum err ensure_connected(struct redis_peer *peer, const struct redis_access *access)
{
    int64_t deadline_ms = clock_mono_ms() + access->config->redis_connect_timeout_ms;

    if (peer->context) {
        return ERR_OK;
    }
    enum err err =
        redis_link_open(&peer->place, access->login, access->db, deadline_ms, &peer->context);
    if (err) {
        redis_peer_fail(peer, access->config, err, "no connection");
    }
    return err;
}

/* Only an answer ends the pauses: a server that hangs takes connections too. */
static void after_answer(struct redis_peer *peer)
{
    char where[REDIS_PLACE_BYTES];

    if (peer->failure) {
        log_info("redis is back", "server=%s", redis_place_describe(&peer->place, where));
    }
    peer->failure = ERR_OK;
    backoff_reset(&peer->backoff);
    peer->was_used = true;
}

static enum err after_outcome(
    struct redis_peer *peer, const struct config *config, enum redis_outcome outcome)
{
    switch (outcome) {
    case REDIS_LINK_ANSWERED:
        return ERR_OK;
    case REDIS_LINK_TIMED_OUT:
        redis_peer_fail(peer, config, ERR_REDIS_DOWN, "not answered in time");
        return ERR_REDIS_DOWN;
    case REDIS_LINK_BROKEN:
        /* No pause: whether Redis is away shows when the next call connects. */
        disconnect(peer);
        return ERR_REDIS_DOWN;
    case REDIS_LINK_NO_MEMORY:
        disconnect(peer);
        return ERR_NO_MEMORY;
    }
    return ERR_INTERNAL;
}

enum err redis_peer_send(struct redis_peer *peer, const struct redis_access *access,
    const struct redis_call *calls, size_t count, int number, bool *broke)
{
    *broke = false;
    enum err err = ensure_connected(peer, access);
    if (err) {
        return err;
    }
    int64_t deadline_ms = clock_mono_ms() + access->config->redis_command_timeout_ms;
    enum redis_outcome outcome = redis_link_send(peer->context, calls, count, number, deadline_ms);
    *broke = outcome == REDIS_LINK_BROKEN && peer->was_used;
    return after_outcome(peer, access->config, outcome);
}

static size_t count_answers(const struct redis_call *calls, size_t count, int number)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        found += calls[i].place == number && calls[i].reply;
    }
    return found;
}

enum err redis_peer_receive(struct redis_peer *peer, const struct redis_access *access,
    struct redis_call *calls, size_t count, int number, bool *broke)
{
    int64_t deadline_ms = clock_mono_ms() + access->config->redis_command_timeout_ms;
    size_t before = count_answers(calls, count, number);

    enum redis_outcome outcome =
        redis_link_receive(peer->context, calls, count, number, deadline_ms);
    *broke = outcome == REDIS_LINK_BROKEN && peer->was_used &&
             count_answers(calls, count, number) == before;
    if (outcome == REDIS_LINK_ANSWERED) {
        after_answer(peer);
    }
    return after_outcome(peer, access->config, outcome);
}
