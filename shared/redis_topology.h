/*
 * Which server has which keys: the one of redis.url, the master that the sentinels name, or the
 * masters of a cluster. Found by blocking calls with deadlines; wsnode makes them on a thread of
 * libuv's pool. Everything else of both programs only asks for a key's place.
 *
 * Sentinel: https://redis.io/docs/reference/sentinel-clients/. Cluster: the Redis cluster
 * specification (key distribution, MOVED and ASK).
 */
#ifndef SHARED_REDIS_TOPOLOGY_H
#define SHARED_REDIS_TOPOLOGY_H

#include "shared/buf.h"
#include "shared/config.h"
#include "shared/err.h"
#include "shared/redis_url.h"

struct redisReply;

#define REDIS_SLOTS 16384

struct redis_topology {
    struct redis_place places[REDIS_MASTERS_MAX];
    size_t count;                     /* 0: nothing is known */
    size_t seed;                      /* of the url: the one that answered last is asked first */
    unsigned char owner[REDIS_SLOTS]; /* place + 1, 0: nobody; used in a cluster only */
};

/*
 * Asks where the servers are; for redis:// and unix:// nobody needs to be asked. *t is what was
 * known before, and stays so on failure: ERR_REDIS_DOWN (nobody answers; each server is waited for
 * at most redis.connect_timeout), ERR_REDIS_REFUSED (an answer, but not a useful one). p->msg says
 * who was asked for what. Blocks; any thread.
 */
enum err redis_topology_discover(const struct config *config, const struct redis_url *url,
    struct redis_topology *t, struct problem *p) MUST_CHECK;

/* The place of a key: 0 unless it is a cluster; -1: nobody has its slot. */
int redis_topology_find(
    const struct redis_topology *t, enum redis_mode mode, struct slice key) MUST_CHECK;
/* The index of a place, added if it was not known; -1: there are too many. */
int redis_topology_add(struct redis_topology *t, const struct redis_place *place);
/* A cluster's CRC16 of the key, or of what stands between its first { and the next }. */
unsigned redis_slot(struct slice key);

enum redis_redirect {
    REDIS_STAYS, /* it is no redirection */
    REDIS_MOVED, /* the slot has another owner now */
    REDIS_ASK,   /* this once, after ASKING */
};
/* from: who answered, since a server may leave its own host out. */
enum redis_redirect redis_redirect_decode(const struct redisReply *reply,
    const struct redis_place *from, unsigned *slot, struct redis_place *to);
/* A cluster is moving the keys of this command, or has no master for them at the moment. */
bool redis_reply_is_try_again(const struct redisReply *reply);

#endif
