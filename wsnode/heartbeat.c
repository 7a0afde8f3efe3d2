/*
 * Renews the lease, tells the heartbeat, and has each master of Redis probed. A lease that had gone
 * in the meantime means that the registry counted this node's sessions as dead, or that Redis lost
 * data: all register again.
 */
#include "wsnode/heartbeat.h"

#include <stdio.h>
#include <stdlib.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "shared/nodes.h"
#include "shared/redis_reply.h"
#include "wsnode/presence.h"
#include "wsnode/redis_async.h"

/* A renewal that was refused, or could not be sent, is tried again so soon. */
#define RETRY_MS 500

struct heartbeat {
    int64_t next_ms;      /* when to renew */
    int64_t sent_ms;      /* of the renewal whose answer is awaited */
    int64_t confirmed_ms; /* sending time of the last renewal that was answered */
    bool awaiting;
    bool confirmed; /* at least once, and not lost since */
    bool lost;      /* with the renewal before this one */
    bool released;
};

static const char *state_text(const struct node *n)
{
    if (n->draining) {
        return "draining";
    }
    return n->heartbeat->confirmed ? "ready" : "starting";
}

/* A command that cannot be sent now is sent again with the next renewal. */
static bool run(struct node *n, struct command *c, redis_async_done *done)
{
    enum err err = redis_async_run(n->redis, c, done, NULL);

    command_finish(c);
    return err == ERR_OK;
}

static void tell(struct node *n)
{
    struct node_info info = {.sessions = n->table.count, .at_ms = clock_wall_ms()};
    struct command c;

    (void)snprintf(info.node_id, sizeof(info.node_id), "%s", n->id);
    (void)snprintf(info.addr, sizeof(info.addr), "%s", n->addr);
    (void)snprintf(info.boot, sizeof(info.boot), "%s", n->boot);
    (void)snprintf(info.state, sizeof(info.state), "%s", state_text(n));
    (void)snprintf(info.version, sizeof(info.version), "%s", SOCKETSEND_VERSION);
    command_init(&c);
    nodes_heartbeat_command(&c, n->config->redis_prefix, &info);
    (void)run(n, &c, NULL);
}

static void retry_soon(struct heartbeat *h)
{
    int64_t soon_ms = h->sent_ms + RETRY_MS;

    h->next_ms = soon_ms < h->next_ms ? soon_ms : h->next_ms;
}

static void after_lease(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct heartbeat *h = n->heartbeat;
    struct slice before = redis_reply_text(reply);

    (void)arg;
    h->awaiting = false;
    if (err) {
        retry_soon(h);
    }
    if (err || h->released) {
        return;
    }
    bool was_held = before.at && slice_equal(before, n->boot);
    bool lost = h->confirmed && !was_held;
    /* Twice: another node that had just found it gone may tell sessions lost after they were told
     * again. */
    bool registers_again = lost || h->lost;
    h->lost = lost;
    h->confirmed_ms = h->sent_ms;
    h->confirmed = true;
    tell(n);
    if (lost) {
        log_warn("lease was lost", "node=%s found=%s", n->id,
            before.at ? "another boot (is the node id used twice?)" : "nothing");
    }
    if (registers_again) {
        presence_on_redis_ready(n, true);
    }
}

static void renew(struct node *n, int64_t now_ms)
{
    struct heartbeat *h = n->heartbeat;
    struct command c;

    h->next_ms = now_ms + n->config->registry_node_lease_ms / 3;
    if (h->awaiting || h->released) {
        return; /* redis_async ends what takes too long */
    }
    h->sent_ms = now_ms;
    command_init(&c);
    nodes_lease_command(
        &c, n->config->redis_prefix, n->id, n->boot, n->config->registry_node_lease_ms);
    h->awaiting = run(n, &c, after_lease);
    if (!h->awaiting) {
        retry_soon(h);
    }
    redis_async_probe(n->redis);
}

enum err heartbeat_create(struct node *n)
{
    n->heartbeat = calloc(1, sizeof(*n->heartbeat));
    return n->heartbeat ? ERR_OK : ERR_NO_MEMORY;
}

void heartbeat_destroy(struct node *n)
{
    free(n->heartbeat);
    n->heartbeat = NULL;
}

void heartbeat_on_redis_ready(struct node *n)
{
    renew(n, clock_mono_ms());
}

void heartbeat_on_tick(struct node *n, int64_t now_ms)
{
    const struct heartbeat *h = n->heartbeat;

    if (now_ms >= h->next_ms && redis_async_is_ready(n->redis)) {
        renew(n, now_ms);
    }
}

bool heartbeat_is_fresh(const struct node *n, int64_t now_ms)
{
    const struct heartbeat *h = n->heartbeat;

    return h->confirmed && now_ms - h->confirmed_ms < n->config->registry_node_lease_ms;
}

void heartbeat_release(struct node *n)
{
    struct command c;

    n->heartbeat->released = true;
    command_init(&c);
    nodes_release_command(&c, n->config->redis_prefix, n->id, n->boot);
    (void)run(n, &c, NULL);
    command_init(&c);
    nodes_leave_command(&c, n->config->redis_prefix, n->id, n->boot);
    (void)run(n, &c, NULL);
}
