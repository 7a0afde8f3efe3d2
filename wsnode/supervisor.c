/*
 * Forks, waits for signals, restarts what died. All signals are blocked and taken one by one, so no
 * handler runs anywhere.
 */
#include "wsnode/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "shared/privileges.h"
#include "wsnode/descriptors.h"
#include "wsnode/node.h"
#include "wsnode/public_socket.h"
#include "wsnode/tls.h"

#define RESTART_MIN_MS 100
#define RESTART_MAX_MS 5000
/* A worker that lived so long starts again without a pause. */
#define STABLE_MS 10000
/* What taking down a worker's connections may take, after its own drain_time and shutdown_timeout.
 */
#define KILL_GRACE_MS 5000
#define IDLE_WAIT_MS 60000

struct worker {
    pid_t pid; /* 0: not running */
    int listen_fd;
    int64_t started_ms;
    int64_t restart_ms; /* if not running */
    int64_t pause_ms;
};

struct supervisor {
    const struct config *config;
    struct tls *tls; /* owned; each worker has a copy of its own */
    struct worker *workers;
    int count;
    sigset_t signals;
    bool stopping;
    bool terminated; /* SIGTERM came */
    bool failed;     /* a worker did not stop as it should */
    int64_t kill_ms; /* if stopping */
};

static void close_sockets(struct supervisor *s, int except)
{
    for (int i = 0; i < s->count; i++) {
        if (i != except && s->workers[i].listen_fd >= 0) {
            (void)close(s->workers[i].listen_fd);
            s->workers[i].listen_fd = -1;
        }
    }
}

static enum err open_sockets(struct supervisor *s, struct problem *p)
{
    for (int i = 0; i < s->count; i++) {
        enum err err = public_socket_open(s->config, &s->workers[i].listen_fd, p);
        if (err) {
            return err;
        }
    }
    return ERR_OK;
}

/* What workers must find done, those that are restarted too: certificates, sockets, and as root the
 * limit of descriptors, before root is given up. */
static enum err prepare(struct supervisor *s, struct problem *p)
{
    enum err err;

    if ((err = tls_create(s->config, &s->tls, p)) || (err = open_sockets(s, p))) {
        return err;
    }
    (void)descriptors_raise(descriptors_wanted(s->config));
    return privileges_drop(s->config->node_user, "node.user", p);
}

/* In the new process; its exit status. */
static int become_worker(struct supervisor *s, int number, pid_t supervisor_pid)
{
    /* A terminal's Ctrl-C is for the supervisor, which passes it on. */
    (void)setpgid(0, 0);
    /* Workers must not outlive the supervisor; it may have died before the kernel was told. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != supervisor_pid) {
        return 1;
    }
    int listen_fd = s->workers[number].listen_fd;
    close_sockets(s, number);
    /* Signals stay blocked, and wait, until the loop has handlers for them. */
    return node_run(s->config, s->tls, number, listen_fd, supervisor_pid);
}

/* true in the worker, when it has ended: *status is what to exit with. */
static bool start_worker(struct supervisor *s, int number, int *status)
{
    struct worker *w = &s->workers[number];
    pid_t supervisor_pid = getpid();

    w->started_ms = clock_mono_ms();
    pid_t pid = fork();
    if (pid == 0) {
        *status = become_worker(s, number, supervisor_pid);
        return true;
    }
    if (pid < 0) {
        log_error("cannot fork", "why=\"%s\"", strerror(errno));
        w->restart_ms = w->started_ms + RESTART_MAX_MS;
        return false;
    }
    w->pid = pid;
    return false;
}

static void signal_workers(const struct supervisor *s, int signal)
{
    for (int i = 0; i < s->count; i++) {
        if (s->workers[i].pid > 0) {
            (void)kill(s->workers[i].pid, signal);
        }
    }
}

static void after_exit(struct supervisor *s, pid_t pid, int how)
{
    int64_t now_ms = clock_mono_ms();

    for (int i = 0; i < s->count; i++) {
        struct worker *w = &s->workers[i];
        if (w->pid != pid) {
            continue;
        }
        w->pid = 0;
        w->pause_ms = now_ms - w->started_ms >= STABLE_MS || w->pause_ms == 0 ? RESTART_MIN_MS
                                                                              : w->pause_ms * 2;
        w->pause_ms = w->pause_ms < RESTART_MAX_MS ? w->pause_ms : RESTART_MAX_MS;
        w->restart_ms = now_ms + w->pause_ms;
        if (s->stopping && how != 0) {
            s->failed = true;
        }
        if (!s->stopping || how != 0) {
            log_warn("worker ended", "worker=%d pid=%d %s=%d restart_ms=%lld", i, (int)pid,
                WIFSIGNALED(how) ? "signal" : "status",
                WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how), (long long)w->pause_ms);
        }
    }
}

static void reap(struct supervisor *s)
{
    int how;
    pid_t pid;

    while ((pid = waitpid(-1, &how, WNOHANG)) > 0) {
        after_exit(s, pid, how);
    }
}

/* The sockets go before the workers': else the kernel went on queueing connections for nobody. */
static void stop_workers(struct supervisor *s, int signal, int64_t time_ms)
{
    int64_t kill_ms =
        clock_mono_ms() + time_ms + s->config->node_shutdown_timeout_ms + KILL_GRACE_MS;

    close_sockets(s, -1);
    s->kill_ms = s->stopping && s->kill_ms < kill_ms ? s->kill_ms : kill_ms;
    s->stopping = true;
    signal_workers(s, signal);
}

static void drain_workers(struct supervisor *s)
{
    if (!s->stopping) {
        stop_workers(s, SIGUSR2, s->config->node_drain_time_ms);
    }
}

/*
 * SIGUSR2 also comes from a worker that was told by POST /drain, and may come again. Impatience is
 * only a second SIGTERM; that it is the second one is known here and not by the workers, to whom a
 * service manager may send it as well.
 */
static void on_signal(struct supervisor *s, int signal)
{
    switch (signal) {
    case SIGUSR2:
        drain_workers(s);
        return;
    case SIGTERM:
        if (s->terminated) {
            stop_workers(s, SIGQUIT, 0);
        } else {
            drain_workers(s);
        }
        s->terminated = true;
        return;
    case SIGINT:
    case SIGQUIT:
        stop_workers(s, SIGQUIT, 0);
        return;
    case SIGHUP:
        tls_reload(s->tls);
        signal_workers(s, signal);
        return;
    default:
        return; /* SIGCHLD: reap() comes after every signal */
    }
}

static bool any_running(const struct supervisor *s)
{
    for (int i = 0; i < s->count; i++) {
        if (s->workers[i].pid > 0) {
            return true;
        }
    }
    return false;
}

static bool restart_due(struct supervisor *s, int64_t now_ms, int *status)
{
    for (int i = 0; i < s->count; i++) {
        const struct worker *w = &s->workers[i];
        if (w->pid == 0 && now_ms >= w->restart_ms && start_worker(s, i, status)) {
            return true;
        }
    }
    return false;
}

static int64_t next_due_ms(const struct supervisor *s, int64_t now_ms)
{
    int64_t due_ms = s->stopping ? s->kill_ms : now_ms + IDLE_WAIT_MS;

    for (int i = 0; i < s->count && !s->stopping; i++) {
        const struct worker *w = &s->workers[i];
        if (w->pid == 0 && w->restart_ms < due_ms) {
            due_ms = w->restart_ms;
        }
    }
    return due_ms;
}

static void wait_for_signal(struct supervisor *s)
{
    int64_t now_ms = clock_mono_ms();
    int64_t wait_ms = next_due_ms(s, now_ms) - now_ms;
    wait_ms = wait_ms > 0 ? wait_ms : 0;
    const struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000};

    int signal = sigtimedwait(&s->signals, NULL, &wait);
    if (signal > 0) {
        on_signal(s, signal);
    }
    reap(s);
    if (s->stopping && clock_mono_ms() >= s->kill_ms) {
        log_error("workers killed: they did not stop in time", "");
        signal_workers(s, SIGKILL);
        s->kill_ms += KILL_GRACE_MS;
    }
}

static int watch(struct supervisor *s)
{
    int status = 0;

    while (!s->stopping || any_running(s)) {
        if (!s->stopping && restart_due(s, clock_mono_ms(), &status)) {
            return status; /* this is a worker */
        }
        wait_for_signal(s);
    }
    log_info("stopped", "");
    return s->failed ? 1 : 0;
}

static bool block_signals(struct supervisor *s)
{
    static const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGUSR2, SIGHUP};
    int failed = sigemptyset(&s->signals);

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        failed |= sigaddset(&s->signals, numbers[i]);
    }
    return !failed && sigprocmask(SIG_BLOCK, &s->signals, NULL) == 0;
}

int supervisor_run(const struct config *config)
{
    struct supervisor s = {.config = config, .count = (int)config_worker_count(config)};
    struct problem p;
    int status = 1;

    s.workers = calloc((size_t)s.count, sizeof(*s.workers));
    if (!s.workers || !block_signals(&s)) {
        log_error("cannot start", "");
        goto out;
    }
    for (int i = 0; i < s.count; i++) {
        s.workers[i].listen_fd = -1;
    }
    if (prepare(&s, &p)) {
        log_error("cannot start", "why=\"%s\"", p.msg);
        close_sockets(&s, -1);
        goto out;
    }
    log_info("supervisor started", "workers=%d public=%s", s.count, config->node_public_listen);
    status = watch(&s);
out:
    tls_destroy(s.tls);
    free(s.workers);
    return status;
}
