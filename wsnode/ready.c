/*
 * Collects what keeps a message from getting through.
 */
#include "wsnode/ready.h"

#include "wsnode/accept.h"
#include "wsnode/heartbeat.h"
#include "wsnode/redis_async.h"

size_t ready_obstacles(
    const struct node *n, int64_t now_ms, const char *obstacles[READY_OBSTACLES_MAX])
{
    const struct {
        bool applies;
        const char *text;
    } all[READY_OBSTACLES_MAX] = {
        {n->draining, "draining"},
        {!acceptor_is_open(n), "not accepting"},
        {!redis_async_is_whole(n->redis), "redis away"},
        {!redis_async_takes_writes(n->redis), "redis refuses to write"},
        {!redis_async_has_replicas(n->redis), "too few replicas"},
        {!heartbeat_is_fresh(n, now_ms), "lease stale"},
    };
    size_t count = 0;

    for (size_t i = 0; i < READY_OBSTACLES_MAX; i++) {
        if (all[i].applies) {
            obstacles[count++] = all[i].text;
        }
    }
    return count;
}
