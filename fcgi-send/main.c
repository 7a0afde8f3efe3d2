/*
 * fcgi-send: answers POST /socketSend and the other calls of backends. Configuration, listener,
 * threads and signals; or, started as a plain CGI program, one request.
 */
#include <errno.h>
#include <fcgiapp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fcgi-send/listener.h"
#include "fcgi-send/worker.h"
#include "shared/log.h"
#include "shared/option.h"
#include "shared/parse.h"
#include "shared/privileges.h"

/* A stop leaves so long to requests that are under way. */
#define STOP_TIMEOUT_S 3

struct thread {
    pthread_t id;
    struct worker worker;
    struct connections *connections; /* borrowed */
    sem_t *ended;                    /* borrowed */
};

static void *run_thread(void *arg)
{
    struct thread *t = arg;

    worker_run(&t->worker, t->connections);
    sem_post(t->ended);
    return NULL;
}

/* Blocked in all threads; the main thread waits for them. Web servers stop their programs with
 * SIGTERM or (Apache, graceful) SIGUSR1. To be called before FCGX_Init(), which installs handlers
 * that swallow a signal until ours are blocked. */
static void block_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGUSR1);
    sigaddset(signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* How many could be started. */
static size_t start_threads(struct thread *threads, size_t count, struct service *s,
    struct connections *c, sem_t *ended, struct problem *p)
{
    for (size_t i = 0; i < count; i++) {
        struct thread *t = &threads[i];

        t->connections = c;
        t->ended = ended;
        if (worker_init(&t->worker, s, p)) {
            return i;
        }
        int error = pthread_create(&t->id, NULL, run_thread, t);
        if (error) {
            problem_set(p, ERR_INTERNAL, "", "cannot start a thread: %s", strerror(error));
            worker_finish(&t->worker);
            return i;
        }
    }
    return count;
}

/* Waits for the threads to end; one that does not in time, because a web server sends its body drop
 * by drop, is cut off with the process. */
static void stop_threads(struct thread *threads, size_t count, struct service *s, sem_t *ended)
{
    uint64_t one = 1;
    struct timespec deadline;

    if (write(s->stop_fd, &one, sizeof(one)) != sizeof(one)) {
        log_error("cannot tell the threads to stop", "reason=\"%s\"", strerror(errno));
        _exit(EXIT_FAILURE);
    }
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += STOP_TIMEOUT_S;
    for (size_t i = 0; i < count; i++) {
        while (sem_timedwait(ended, &deadline)) {
            if (errno != EINTR) {
                log_warn("requests cut off by the stop", "count=%zu", count - i);
                _exit(EXIT_SUCCESS);
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(threads[i].id, NULL);
        worker_finish(&threads[i].worker);
    }
}

/* Returns the signal that says stop. */
static int wait_for_stop(struct service *s, const sigset_t *signals)
{
    int number = SIGHUP;

    while (sigwait(signals, &number) == 0 && number == SIGHUP) {
        key_store_reload(s->keys);
    }
    return number;
}

/* Serves until a signal comes. */
static enum err serve(const struct config *config, struct service *s, int listen_fd,
    const sigset_t *signals, struct problem *p)
{
    size_t wanted = (size_t)config->send_threads;
    struct thread *threads = calloc(wanted, sizeof(*threads));
    struct connections connections;
    sem_t ended;
    enum err err = ERR_OK;

    if (!threads) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    err = connections_init(&connections, listen_fd, s->stop_fd, config->send_body_timeout_ms, p);
    if (err) {
        goto out;
    }
    sem_init(&ended, 0, 0);
    size_t started = start_threads(threads, wanted, s, &connections, &ended, p);
    if (started == wanted) {
        log_info("fcgi-send ready", "listen=%s threads=%zu",
            config->send_listen[0] ? config->send_listen : "stdin", wanted);
        log_info("fcgi-send stops", "signal=%d", wait_for_stop(s, signals));
    } else {
        err = p->err;
    }
    stop_threads(threads, started, s, &ended);
    sem_destroy(&ended);
    connections_finish(&connections);
out:
    free(threads);
    return err;
}

static enum err open_listener(const struct config *config, int *fd, struct problem *p)
{
    uint64_t mode = 0;
    enum err err = parse_octal(slice_of(config->send_listen_mode), 0777, &mode);
    const struct listener_access access = {(mode_t)mode, config->send_listen_owner};

    return err ? err : listener_open(config->send_listen, &access, fd, p);
}

static enum err find_listener(const struct config *config, int *fd, struct problem *p)
{
    if (config->send_listen[0]) {
        return open_listener(config, fd, p);
    }
    if (FCGX_IsCGI()) {
        return problem_set(p, ERR_BAD_VALUE, "send.listen",
            "send.listen is not set, and standard input is no FastCGI socket");
    }
    *fd = STDIN_FILENO;
    return ERR_OK;
}

static enum err run_service(
    const struct config *config, struct service *s, const sigset_t *signals, struct problem *p)
{
    int listen_fd = -1;
    enum err err = find_listener(config, &listen_fd, p);

    if (err) {
        return err;
    }
    err = privileges_drop(config->send_user, "send.user", p);
    if (!err) {
        err = serve(config, s, listen_fd, signals, p);
    }
    close(listen_fd);
    return err;
}

static enum err run_cgi(struct service *s, struct problem *p)
{
    struct worker worker;
    enum err err = worker_init(&worker, s, p);

    if (err) {
        return err;
    }
    worker_run_cgi(&worker);
    worker_finish(&worker);
    return ERR_OK;
}

static enum err run(const struct config *config, bool is_cgi, struct problem *p)
{
    struct service service;
    sigset_t signals;

    privileges_forbid_new();
    if (!is_cgi) {
        block_signals(&signals);
    }
    enum err err = FCGX_Init() ? problem_set(p, ERR_INTERNAL, "", "libfcgi does not start")
                               : forward_init_library();

    if (err) {
        return err;
    }
    err = service_init(&service, config, p);
    if (!err) {
        err = is_cgi ? run_cgi(&service, p) : run_service(config, &service, &signals, p);
        service_finish(&service);
    }
    forward_finish_library();
    return err;
}

/* Started by a web server for one request? */
static bool is_plain_cgi(void)
{
    return getenv("GATEWAY_INTERFACE") && getenv("REQUEST_METHOD") && FCGX_IsCGI();
}

/* A web server may pass the words of a query without '=' as arguments (RFC 3875 4.4): they are the
 * caller's, and must not become options. */
static bool are_arguments_foreign(void)
{
    const char *query = getenv("QUERY_STRING");

    return query && query[0] && !strchr(query, '=');
}

/* To the caller of a CGI program that cannot serve; why is said in the log only. */
static void answer_failure(void)
{
    printf("Status: 500 Internal Server Error\r\n"
           "Content-Type: application/json; charset=utf-8\r\n\r\n"
           "{\"code\":%d,\"msg\":\"%s\",\"data\":{\"field\":\"\"}}",
        err_code(ERR_INTERNAL), err_text(ERR_INTERNAL));
}

static int fail(bool is_cgi, const struct problem *p)
{
    log_error("fcgi-send cannot run", "reason=\"%s\"", p->msg);
    if (is_cgi) {
        answer_failure();
    }
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    bool is_cgi = is_plain_cgi();
    struct config config;
    struct problem problem = {.err = ERR_OK};
    int exit_status = -1;

    log_init("fcgi-send", LOG_INFO);
    if (is_cgi && are_arguments_foreign()) {
        argc = 1;
    }
    enum err err = config_command_line(&config, argc, argv, PROGRAM_SEND, &exit_status);
    if (err && is_cgi) {
        answer_failure();
    }
    if (err || exit_status >= 0) {
        return exit_status;
    }
    log_init("fcgi-send", (enum log_level)config.log_level);
    err = run(&config, is_cgi, &problem);
    config_finish(&config);
    return err ? fail(is_cgi, &problem) : EXIT_SUCCESS;
}
