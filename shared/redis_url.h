/*
 * Where Redis is, as redis.url says it. One parser for both programs. No host names: resolving
 * blocks (hiredis), so numeric addresses only.
 */
#ifndef SHARED_REDIS_URL_H
#define SHARED_REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/err.h"
#include "shared/limits.h"

/* One server. */
struct redis_place {
    char host[64]; /* numeric, IPv6 without brackets; "" with a unix socket */
    uint16_t port;
    char path[108]; /* unix socket (108: sockaddr_un); "" with TCP */
};

struct redis_login {
    char user[129];     /* "": none (AUTH password) */
    char password[257]; /* percent-decoded; "": no AUTH */
};

enum redis_mode {
    REDIS_DIRECT,   /* the server itself */
    REDIS_SENTINEL, /* whoever the sentinels say is the master */
    REDIS_CLUSTER,  /* masters that share the slots */
};

struct redis_url {
    enum redis_mode mode;
    /* The server; or the sentinels; or some of the cluster's servers. */
    struct redis_place seeds[REDIS_SEEDS_MAX];
    size_t seed_count;
    char master[129]; /* its name with the sentinels; "" in other modes */
    struct redis_login login;
    struct redis_login sentinel_login;
    int db; /* 0 to 9999; 0 in a cluster */
};

/*
 * redis://[user:password@]ip[:port][/db] (also :password@; port 6379),
 * unix:///path[?db=n&user=…&password=…],
 * sentinel://[user:password@]ip[:port],…/master[/db][?sentinel_user=…&sentinel_password=…]
 * (port 26379; the login is the one of Redis) or cluster://[user:password@]ip[:port],….
 * ERR_BAD_VALUE; p->msg says what is wrong, without the password.
 */
enum err redis_url_parse(const char *text, struct redis_url *out, struct problem *p) MUST_CHECK;
/* For logs: "redis://10.0.0.1:6379/0", "unix:///run/redis.sock?db=0",
 * "sentinel://10.0.0.1:26379,10.0.0.2:26379/main/0", "cluster://10.0.0.1:6379". */
void redis_url_describe(const struct redis_url *u, char *out, size_t out_bytes);

/* "10.0.0.1:6379", "[::1]:6379", or the path. Returns out. */
const char *redis_place_describe(const struct redis_place *place, char out[REDIS_PLACE_BYTES]);
bool redis_place_equal(const struct redis_place *a, const struct redis_place *b);
/* A numeric host and a port as a server tells them. ERR_BAD_VALUE. */
enum err redis_place_set(
    struct redis_place *place, const char *host, size_t host_len, int64_t port) MUST_CHECK;

#endif
