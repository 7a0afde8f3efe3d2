/*
 * Redis' replies to everything else: nodes, leases, redirections, errors.
 */
#include "shared/redis_reply.h"

#include <hiredis/hiredis.h>

#include "shared/nodes.h"
#include "shared/redis_topology.h"
#include "tests/fuzz/fuzz.h"

static void check_nodes(const redisReply *reply)
{
    struct node_info *nodes;
    size_t count;

    if (nodes_list_decode(reply, &nodes, &count) == ERR_OK) {
        for (size_t i = 0; i < count; i++) {
            assert(*nodes[i].node_id && *nodes[i].addr && *nodes[i].boot);
            nodes_apply_lease(reply, &nodes[i]);
        }
        free(nodes);
    }
}

static void check_redirect(const redisReply *reply)
{
    struct redis_place from = {.host = "10.0.0.1", .port = 6379}, to;
    unsigned slot;

    if (redis_redirect_decode(reply, &from, &slot, &to) != REDIS_STAYS) {
        assert(slot < REDIS_SLOTS && *to.host && redis_reply_err(reply) != ERR_OK);
    }
}

void fuzz(struct slice input)
{
    redisReply *reply = fuzz_reply(input);

    if (!reply) {
        return;
    }
    check_nodes(reply);
    check_redirect(reply);
    redisReply *copy = redis_reply_copy(reply);
    assert(copy && copy->type == reply->type);
    assert(redis_reply_err(copy) == redis_reply_err(reply));
    assert(redis_reply_is_try_again(copy) == redis_reply_is_try_again(reply));
    freeReplyObject(copy);
    freeReplyObject(reply);
}
