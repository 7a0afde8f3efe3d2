/*
 * A real redis-server of the test's own, without persistence, in a new folder. It dies with the
 * test. Anything that goes wrong fails the test.
 */
#ifndef TESTS_UNIT_REDIS_SERVER_H
#define TESTS_UNIT_REDIS_SERVER_H

#include <hiredis/hiredis.h>
#include <stdint.h>
#include <sys/types.h>

struct redis_server {
    char dir[64];
    char socket[96];
    uint16_t port;              /* 0: only the unix socket */
    const char *const *options; /* borrowed */
    pid_t pid;
    redisContext *context; /* for redis_server_ask() */
};

/* Listens on a unix socket, and on a free TCP port of 127.0.0.1 if with_tcp. Returns once it
 * answers. */
void redis_server_start(struct redis_server *s, int with_tcp);
/* Listens on both; options: more of its command line, NULL-terminated, such as "--sentinel". */
void redis_server_start_with(struct redis_server *s, const char *const *options);
void redis_server_kill(struct redis_server *s);    /* SIGKILL, as a crash; the data is gone */
void redis_server_restart(struct redis_server *s); /* after a kill, at the same place */
void redis_server_stop(struct redis_server *s); /* kills it, if it runs, and removes the folder */

/* Runs a command as redisCommand() does, on a connection of its own. The reply is the caller's. */
redisReply *redis_server_ask(struct redis_server *s, const char *format, ...);
/* As redis_server_ask(), for what is only done. */
void redis_server_do(struct redis_server *s, const char *format, ...);
long long redis_server_ask_int(struct redis_server *s, const char *format, ...);

/* A port that was free a moment ago. */
uint16_t free_port(void);

#endif
