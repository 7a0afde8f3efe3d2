/*
 * Starts, kills and asks a private redis-server.
 */
#include "tests/unit/redis_server.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGS_MAX 32
#define START_MS 5000
#define STEP_MS 10

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        die("free port");
    }
    close(fd);
    return ntohs(address.sin_port);
}

static const char *const files[] = {"redis.conf", "redis.log", "nodes.conf"};

static const char *path_of(const struct redis_server *s, const char *file)
{
    static char path[96];

    snprintf(path, sizeof(path), "%s/%s", s->dir, file);
    return path;
}

/* A file of its own, because a sentinel keeps its state there. */
static void run_server(const struct redis_server *s)
{
    char port[8];
    const char *args[ARGS_MAX] = {"redis-server", path_of(s, "redis.conf"), "--port", port,
        "--bind", "127.0.0.1", "--unixsocket", s->socket, "--save", "", "--dir", s->dir,
        "--loglevel", "warning", "--logfile", "redis.log"};
    size_t count = 0;

    while (args[count]) {
        count++;
    }
    for (size_t i = 0; s->options && s->options[i] && count < ARGS_MAX - 1; i++) {
        args[count++] = s->options[i];
    }
    snprintf(port, sizeof(port), "%u", s->port);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp("redis-server", (char *const *)(uintptr_t)args);
    die("redis-server");
}

static void wait_until_it_answers(struct redis_server *s)
{
    for (int waited_ms = 0; waited_ms < START_MS; waited_ms += STEP_MS) {
        s->context = redisConnectUnix(s->socket);
        if (s->context && !s->context->err) {
            redisReply *reply = redisCommand(s->context, "PING");

            if (reply && reply->type == REDIS_REPLY_STATUS) {
                freeReplyObject(reply);
                return;
            }
            freeReplyObject(reply);
        }
        redisFree(s->context);
        s->context = NULL;
        pause_ms(STEP_MS);
    }
    fprintf(stderr, "redis-server did not answer in %d ms: %s\n", START_MS, s->dir);
    exit(1);
}

void redis_server_restart(struct redis_server *s)
{
    s->pid = fork();
    if (s->pid < 0) {
        die("fork");
    }
    if (s->pid == 0) {
        run_server(s);
    }
    wait_until_it_answers(s);
}

static void start(struct redis_server *s, int with_tcp, const char *const *options)
{
    FILE *file;

    memset(s, 0, sizeof(*s));
    s->options = options;
    snprintf(s->dir, sizeof(s->dir), "/tmp/socketsend-test-XXXXXX");
    if (!mkdtemp(s->dir)) {
        die("mkdtemp");
    }
    snprintf(s->socket, sizeof(s->socket), "%s/redis.sock", s->dir);
    s->port = with_tcp ? free_port() : 0;
    file = fopen(path_of(s, "redis.conf"), "w");
    if (!file || fclose(file) != 0) {
        die("redis.conf");
    }
    redis_server_restart(s);
}

void redis_server_start(struct redis_server *s, int with_tcp)
{
    start(s, with_tcp, NULL);
}

void redis_server_start_with(struct redis_server *s, const char *const *options)
{
    start(s, 1, options);
}

void redis_server_kill(struct redis_server *s)
{
    if (s->context) {
        redisFree(s->context);
    }
    s->context = NULL;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
    unlink(s->socket);
}

void redis_server_stop(struct redis_server *s)
{
    if (s->pid > 0) {
        redis_server_kill(s);
    }
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        unlink(path_of(s, files[i]));
    }
    rmdir(s->dir);
}

static redisReply *ask(struct redis_server *s, const char *format, va_list args)
{
    redisReply *reply = redisvCommand(s->context, format, args);

    if (!reply || reply->type == REDIS_REPLY_ERROR) {
        fprintf(stderr, "%s: %s\n", format, reply ? reply->str : s->context->errstr);
        exit(1);
    }
    return reply;
}

redisReply *redis_server_ask(struct redis_server *s, const char *format, ...)
{
    redisReply *reply;
    va_list args;

    va_start(args, format);
    reply = ask(s, format, args);
    va_end(args);
    return reply;
}

void redis_server_do(struct redis_server *s, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    freeReplyObject(ask(s, format, args));
    va_end(args);
}

long long redis_server_ask_int(struct redis_server *s, const char *format, ...)
{
    redisReply *reply;
    long long answer;
    va_list args;

    va_start(args, format);
    reply = ask(s, format, args);
    va_end(args);
    answer = reply->integer;
    freeReplyObject(reply);
    return answer;
}
