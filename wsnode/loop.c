/*
 * Creates, runs and takes down the loop that libuv, libwebsockets and hiredis share.
 */
#include "wsnode/loop.h"

#include <libwebsockets.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "wsnode/tls.h"

#define TICK_MS 50
/* libwebsockets arms its timers only after its own I/O: so often it is woken up for them. */
#define KICK_TICKS 20
/* One buffer per context; a forward's body of up to this size comes in one callback. */
#define SERVICE_BUFFER_BYTES 65536
/* Of requests to the internal listener. */
#define INTERNAL_HEAD_BYTES_MAX 8192
/* For pauses in an internal request. */
#define LWS_TIMEOUT_S 5

enum { SIGNAL_COUNT = 5 };

struct loop {
    uv_loop_t uv;
    struct lws_context *lws; /* owned; libwebsockets sets it to NULL when it is gone */
    uv_timer_t tick;
    uv_idle_t turn;
    uv_prepare_t turn_end;
    uv_signal_t signals[SIGNAL_COUNT];
    unsigned ticks;
    bool ending;
};

static void on_lws_log(int level, const char *line)
{
    size_t len = strcspn(line, "\n");

    /* Remote peers can trigger these lines at will. */
    log_limited(level == LLL_ERR ? LOG_ERROR : LOG_WARN, "libwebsockets", "text=\"%.*s\"",
        (int)(len < 200 ? len : 200), line);
}

static struct lws_context *create_context(struct node *n)
{
    /* All zero: no timer per connection. */
    static const lws_retry_bo_t no_timers;
    void *loops[] = {&n->loop->uv};

    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_LIBUV |
                   LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
                   (tls_is_on(n->tls, TLS_INTERNAL) ? TLS_CONTEXT_OPTIONS : 0),
        .foreign_loops = loops,
        .pcontext = &n->loop->lws,
        .user = n,
        .retry_and_idle_policy = &no_timers,
        .pt_serv_buf_size = SERVICE_BUFFER_BYTES,
        .max_http_header_data = INTERNAL_HEAD_BYTES_MAX,
        .timeout_secs = LWS_TIMEOUT_S,
        .timeout_secs_ah_idle = LWS_TIMEOUT_S,
        .fd_limit_per_thread = 0, /* not 0 makes it search descriptors one after another */
    };
    lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
    return lws_create_context(&info);
}

enum err loop_create(struct node *n)
{
    struct loop *l = calloc(1, sizeof(*l));

    if (!l) {
        return ERR_NO_MEMORY;
    }
    if (uv_loop_init(&l->uv) < 0) {
        free(l);
        return ERR_INTERNAL;
    }
    n->loop = l;
    l->lws = create_context(n);
    if (!l->lws) {
        (void)uv_loop_close(&l->uv);
        free(l);
        n->loop = NULL;
        return ERR_INTERNAL;
    }
    return ERR_OK;
}

struct uv_loop_s *loop_uv(struct loop *l)
{
    return &l->uv;
}

struct lws_context *loop_lws(struct loop *l)
{
    return l->lws;
}

static void on_tick(uv_timer_t *timer)
{
    struct node *n = timer->data;

    node_on_tick(n, clock_mono_ms());
    if (++n->loop->ticks % KICK_TICKS == 0) {
        lws_cancel_service(n->loop->lws);
    }
}

static void on_turn(uv_idle_t *turn)
{
    node_on_turn(turn->data, clock_mono_ms());
}

static void on_turn_end(uv_prepare_t *turn_end)
{
    node_on_turn_end(turn_end->data);
}

static void on_signal(uv_signal_t *handle, int signal)
{
    node_on_signal(handle->data, signal);
}

static enum err start_signals(struct node *n)
{
    static const int numbers[SIGNAL_COUNT] = {SIGTERM, SIGINT, SIGUSR2, SIGQUIT, SIGHUP};
    sigset_t unblocked;

    for (int i = 0; i < SIGNAL_COUNT; i++) {
        uv_signal_t *handle = &n->loop->signals[i];
        if (uv_signal_init(&n->loop->uv, handle) < 0) {
            return ERR_INTERNAL;
        }
        handle->data = n;
        if (uv_signal_start(handle, on_signal, numbers[i]) < 0) {
            return ERR_INTERNAL;
        }
        (void)sigemptyset(&unblocked);
        (void)sigaddset(&unblocked, numbers[i]);
        (void)sigprocmask(SIG_UNBLOCK, &unblocked, NULL);
    }
    return ERR_OK;
}

enum err loop_run(struct node *n)
{
    struct loop *l = n->loop;

    enum err err = start_signals(n);
    if (err) {
        return err;
    }
    if (uv_timer_init(&l->uv, &l->tick) < 0) {
        return ERR_INTERNAL;
    }
    l->tick.data = n;
    (void)uv_idle_init(&l->uv, &l->turn); /* cannot fail */
    l->turn.data = n;
    (void)uv_prepare_init(&l->uv, &l->turn_end); /* nor can this */
    l->turn_end.data = n;
    (void)uv_prepare_start(&l->turn_end, on_turn_end);
    if (uv_timer_start(&l->tick, on_tick, TICK_MS, TICK_MS) < 0) {
        return ERR_INTERNAL;
    }
    (void)uv_run(&l->uv, UV_RUN_DEFAULT); /* says whether handles are left: they are */
    return ERR_OK;
}

void loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

void loop_want_turns(struct node *n, bool wanted)
{
    struct loop *l = n->loop;

    if (wanted && !l->ending) {
        (void)uv_idle_start(&l->turn, on_turn);
    } else if (!wanted) {
        (void)uv_idle_stop(&l->turn);
    }
}

bool loop_is_ending(const struct loop *l)
{
    return l->ending;
}

static void close_handle(uv_handle_t *handle)
{
    /* Type 0: never initialised, because starting up failed before it. */
    if (handle->type != UV_UNKNOWN_HANDLE && !uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

void loop_destroy(struct node *n)
{
    struct loop *l = n->loop;

    if (!l) {
        return;
    }
    l->ending = true;
    close_handle((uv_handle_t *)&l->tick);
    close_handle((uv_handle_t *)&l->turn);
    close_handle((uv_handle_t *)&l->turn_end);
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        close_handle((uv_handle_t *)&l->signals[i]);
    }
    /* On somebody else's loop it takes two calls: the first starts, the second frees the context.
     */
    lws_context_destroy(l->lws);
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
    if (l->lws) {
        lws_context_destroy(l->lws);
    }
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
    if (uv_loop_close(&l->uv) < 0) {
        log_warn("handles left in the loop", "");
    }
    free(l);
    n->loop = NULL;
}
