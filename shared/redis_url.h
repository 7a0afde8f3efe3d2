/*
 * Where Redis is, as redis.url says it. One parser for both programs. No host names: resolving blocks (hiredis), so numeric addresses only.
 */
#ifndef SHARED_REDIS_URL_H
#define SHARED_REDIS_URL_H

#include "shared/err.h"
#include <stdint.h>

struct redis_url {
    char host[64];       /* numeric; "" with a unix socket */
    uint16_t port;       /* 6379 by default */
    char path[108];      /* unix socket; "" with TCP */
    char user[129];      /* "" : none (AUTH password) */
    char password[257];  /* percent-decoded; "" : no AUTH */
    int db;              /* 0 to 9999 */
};

/* redis://[user:password@]ip[:port][/db] or unix:///path[?db=n&user=…&password=…]. ERR_BAD_VALUE; p->msg says what is wrong, without the password. */
enum err redis_url_parse(const char *text, struct redis_url *out, struct problem *p) MUST_CHECK;
/* For logs: "redis://10.0.0.1:6379/0". */
void redis_url_describe(const struct redis_url *u, char *out, unsigned long out_bytes);

#endif
