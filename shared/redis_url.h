/*
 * Where Redis is, as redis.url says it. One parser for both programs. No host names: resolving
 * blocks (hiredis), so numeric addresses only.
 */
#ifndef SHARED_REDIS_URL_H
#define SHARED_REDIS_URL_H

#include <stddef.h>
#include <stdint.h>

#include "shared/err.h"

struct redis_url {
    char host[64];      /* numeric, IPv6 without brackets; "" with a unix socket */
    uint16_t port;      /* 6379 by default */
    char path[108];     /* unix socket (108: sockaddr_un); "" with TCP */
    char user[129];     /* "": none (AUTH password) */
    char password[257]; /* percent-decoded; "": no AUTH */
    int db;             /* 0 to 9999 */
};

/*
 * redis://[user:password@]ip[:port][/db] (also :password@) or
 * unix:///path[?db=n&user=…&password=…]. ERR_BAD_VALUE; p->msg says what is wrong, without the
 * password.
 */
enum err redis_url_parse(const char *text, struct redis_url *out, struct problem *p) MUST_CHECK;
/* For logs: "redis://10.0.0.1:6379/0", "unix:///run/redis.sock?db=0". */
void redis_url_describe(const struct redis_url *u, char *out, size_t out_bytes);

#endif
