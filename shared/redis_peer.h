/*
 * One server as one thread of fcgi-send sees it: when to connect, when to pause, and what failures
 * mean. The bytes are redis_link.c's; which commands go to which server is redis_sync.c's matter.
 */
#ifndef SHARED_REDIS_PEER_H
#define SHARED_REDIS_PEER_H

#include "shared/backoff.h"
#include "shared/config.h"
#include "shared/err.h"
#include "shared/redis_link.h"

struct redis_peer {
    struct redis_place place;
    struct redisContext *context; /* owned; NULL while there is no connection */
    bool was_used;                /* the connection has answered before */
    enum err failure;             /* of the last attempt; ERR_OK once something was answered */
    struct backoff backoff;       /* after failures */
};

/* What all servers have in common. Borrowed. */
struct redis_access {
    const struct config *config;
    const struct redis_login *login;
    int db;
};

void redis_peer_finish(struct redis_peer *peer);
/* Drops a connection that the server has closed while it was idle. */
void redis_peer_check(struct redis_peer *peer);
/* ERR_OK: a connection is there or may be tried; else the failure of the last attempt, while the
 * pause after it lasts. */
enum err redis_peer_may_try(const struct redis_peer *peer) MUST_CHECK;
/* Notes a failure: the connection is dropped, and a pause begins. */
void redis_peer_fail(
    struct redis_peer *peer, const struct config *config, enum err err, const char *why);

/*
 * Connects if there is no connection, and sends the calls that are for `number` and have no reply.
 * ERR_REDIS_DOWN, ERR_REDIS_REFUSED (the log-in), ERR_NO_MEMORY. *broke: it was an idle connection
 * that broke, so that nothing is known of the server.
 */
enum err redis_peer_send(struct redis_peer *peer, const struct redis_access *access,
    const struct redis_call *calls, size_t count, int number, bool *broke) MUST_CHECK;
/* Reads the replies to them. *broke: as above, and nothing was answered. */
enum err redis_peer_receive(struct redis_peer *peer, const struct redis_access *access,
    struct redis_call *calls, size_t count, int number, bool *broke) MUST_CHECK;

#endif
