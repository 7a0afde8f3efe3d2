/*
 * A worker's life: everything created in order, the loop, everything taken down in reverse.
 */
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "wsnode/accept.h"
#include "wsnode/admission.h"
#include "wsnode/admission_hook.h"
#include "wsnode/announce.h"
#include "wsnode/attendance.h"
#include "wsnode/deliver.h"
#include "wsnode/heartbeat.h"
#include "wsnode/internal_http.h"
#include "wsnode/loop.h"
#include "wsnode/node_stop.h"
#include "wsnode/presence.h"
#include "wsnode/ready.h"
#include "wsnode/redis_async.h"
#include "wsnode/tls.h"
#include "wsnode/upstream.h"
#include "wsnode/ws_protocol.h"

static void on_redis_ready(struct node *n, bool data_lost)
{
    heartbeat_on_redis_ready(n);
    presence_on_redis_ready(n, data_lost);
    upstream_on_redis_ready(n);
    announce_on_redis_ready(n);
    attendance_on_redis_ready(n, data_lost);
}

static const struct redis_async_events redis_events = {
    .on_ready = on_redis_ready, .on_hint = presence_on_hint};

/* In the log once, when messages can first get through. */
static void tell_ready(struct node *n, bool ready)
{
    if (ready && !n->was_ready) {
        n->was_ready = true;
        log_info("node ready", "node=%s public=%s internal=%s", n->id,
            n->config->node_public_listen, n->addr);
    }
}

void node_on_tick(struct node *n, int64_t now_ms)
{
    const char *obstacles[READY_OBSTACLES_MAX];

    n->now_ms = now_ms;
    n->wall_offset_ms = clock_wall_ms() - now_ms;
    redis_async_on_tick(n->redis, now_ms);
    heartbeat_on_tick(n, now_ms);
    presence_on_tick(n, now_ms);
    upstream_on_tick(n, now_ms);
    announce_on_tick(n, now_ms);
    attendance_on_tick(n, now_ms);
    session_on_tick(n, now_ms);
    deliver_on_tick(n, now_ms);
    ws_protocol_on_tick(n, now_ms);
    acceptor_on_tick(n, now_ms);

    bool ready = ready_obstacles(n, now_ms, obstacles) == 0;
    node_stat_set(ready, ready);
    node_stat_set(redis_up, redis_async_is_whole(n->redis));
    node_stat_set(groups, topics_local_count(&n->topics));
    node_stat_set(handshakes_pending, acceptor_unfinished_count(n));
    tell_ready(n, ready);
    node_stop_on_tick(n, now_ms);
}

void node_on_turn(struct node *n, int64_t now_ms)
{
    turns_go_on(n, now_ms);
}

void node_on_turn_end(struct node *n)
{
    ws_protocol_on_turn_end(n);
}

void node_on_signal(struct node *n, int signal)
{
    int64_t now_ms = clock_mono_ms();

    if (signal == SIGHUP) {
        tls_reload(n->tls);
        admission_reload(n);
    } else if (signal == SIGTERM || signal == SIGUSR2) {
        node_stop_begin(n, now_ms);
    } else {
        node_stop_hurry(n, now_ms);
    }
}

/* The acceptor comes first: it raises the limit that libwebsockets sizes its tables by. */
static enum err create_loop(struct node *n, int listen_fd)
{
    enum err err = acceptor_create(n, listen_fd);
    if (err) {
        return err;
    }
    err = loop_create(n);
    if (err) {
        return err;
    }
    err = wires_create(n);
    if (err) {
        return err;
    }
    return ws_protocol_create(n);
}

static enum err create_services(struct node *n, struct problem *p)
{
    enum err err = deliver_create(n);
    if (!err) {
        err = heartbeat_create(n);
    }
    if (!err) {
        err = presence_create(n);
    }
    if (!err) {
        err = upstream_create(n);
    }
    if (!err) {
        err = announce_create(n);
    }
    if (!err) {
        err = attendance_create(n);
    }
    if (err) {
        return problem_set(p, err, "", NULL);
    }
    return redis_async_create(n, &redis_events, &n->redis, p);
}

static enum err create_all(struct node *n, int number, int listen_fd, struct problem *p)
{
    uint16_t internal_port;

    enum err err = admission_create(n, p);
    if (err) {
        (void)close(listen_fd);
        return err;
    }
    err = create_loop(n, listen_fd);
    if (err) {
        return problem_set(p, err, "", NULL);
    }
    err = admission_hook_create(n, p);
    if (err) {
        return err;
    }
    err = internal_http_create(n, number, &internal_port, p);
    if (err) {
        return err;
    }
    err = node_set_address(n, internal_port, p);
    if (err) {
        return err;
    }
    err = create_services(n, p);
    if (err) {
        return err;
    }
    err = acceptor_start(n);
    return err ? problem_set(p, err, "", NULL) : ERR_OK;
}

/* Each owner closes its handles; the loop runs until they are closed; then memory goes. */
static void destroy_all(struct node *n)
{
    upstream_stop(n);
    announce_stop(n);
    if (n->redis) {
        redis_async_stop(n->redis);
    }
    admission_hook_stop(n);
    if (n->acceptor) {
        acceptor_close(n);
    }
    ws_protocol_close(n); /* the sessions end here */
    wires_close(n);
    loop_destroy(n);
    redis_async_destroy(n->redis);
    attendance_destroy(n);
    announce_destroy(n);
    upstream_destroy(n);
    presence_destroy(n);
    heartbeat_destroy(n);
    turns_drop(n);
    deliver_destroy(n);
    internal_http_destroy(n);
    ws_protocol_destroy(n);
    wires_destroy(n);
    acceptor_destroy(n);
    admission_hook_destroy(n);
    admission_destroy(n);
    node_stop_finish(n);
    node_finish_tables(n);
}

int node_run(
    const struct config *config, struct tls *tls, int number, int listen_fd, pid_t supervisor_pid)
{
    struct node n;
    struct problem p = {.err = ERR_OK};

    enum err err = node_init_tables(&n, config);
    if (err) {
        (void)close(listen_fd);
        return 1;
    }
    n.tls = tls;
    n.supervisor_pid = supervisor_pid;
    n.now_ms = clock_mono_ms();
    n.wall_offset_ms = clock_wall_ms() - n.now_ms;
    err = create_all(&n, number, listen_fd, &p);
    if (!err) {
        err = loop_run(&n);
    }
    if (err) {
        log_error(
            "worker cannot start", "worker=%d why=\"%s\"", number, *p.msg ? p.msg : err_text(err));
    }
    destroy_all(&n);
    if (!err) {
        log_info("node stopped", "node=%s", n.id);
    }
    return err ? 1 : 0;
}
