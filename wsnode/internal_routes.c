/*
 * The calls of the internal listener, and the small ones themselves.
 */
#include <stdio.h>
#include <string.h>

#include "shared/clock.h"
#include "wsnode/internal_http.h"
#include "wsnode/node_stop.h"
#include "wsnode/ready.h"

#define METRICS_BYTES_MAX ((size_t)64 * 1024)
#define SMALL_ANSWER_BYTES_MAX 1024

static void run_healthz(struct internal_request *r)
{
    internal_answer(r, 200, NULL, slice_of("{\"code\":0,\"msg\":\"ok\",\"data\":{}}"));
}

static void run_readyz(struct internal_request *r)
{
    const char *obstacles[READY_OBSTACLES_MAX];
    size_t count = ready_obstacles(r->node, clock_mono_ms(), obstacles);
    enum err err = count > 0 ? ERR_NOT_READY : ERR_OK;
    struct buf body;

    buf_init(&body, SMALL_ANSWER_BYTES_MAX);
    buf_addf(&body, "{\"code\":%d,\"msg\":\"%s\",\"data\":{\"ready\":%s,\"reasons\":[",
        err_code(err), err_text(err), count > 0 ? "false" : "true");
    for (size_t i = 0; i < count; i++) {
        buf_addf(&body, "%s\"%s\"", i > 0 ? "," : "", obstacles[i]);
    }
    buf_add_str(&body, "]}}");
    internal_answer(r, err_http_status(err), NULL, (struct slice){buf_str(&body), body.len});
    buf_finish(&body);
}

static void run_metrics(struct internal_request *r)
{
    struct buf body;

    buf_init(&body, METRICS_BYTES_MAX);
    stats_render(&body, node_stats, NODE_STAT_COUNT);
    internal_answer(r, 200, "text/plain; version=0.0.4; charset=utf-8",
        (struct slice){buf_str(&body), body.len});
    buf_finish(&body);
}

/* All workers of the daemon will drain; the numbers are this one's. */
static void run_drain(struct internal_request *r)
{
    struct node *n = r->node;
    int64_t now_ms = clock_mono_ms();
    int64_t sessions = n->table.count;
    int64_t until_ms = clock_wall_ms() + node_stop_drain_left_ms(n, now_ms);
    char body[SMALL_ANSWER_BYTES_MAX];

    node_stop_request(n, now_ms);
    int len = snprintf(body, sizeof(body),
        "{\"code\":0,\"msg\":\"ok\",\"data\":{\"node\":\"%s\",\"sessions\":%lld,\"until\":%lld}}",
        n->id, (long long)sessions, (long long)until_ms);
    internal_answer(r, 202, NULL, (struct slice){body, (size_t)len});
}

static const struct internal_route routes[] = {
    {.method = "POST", .path = "/forwardSend", .is_forward = true, .run = internal_forward_send},
    {.method = "POST", .path = "/forwardClose", .wants_json = true, .run = internal_forward_close},
    {.method = "POST", .path = "/presence", .wants_json = true, .run = internal_presence},
    {.method = "POST",
        .path = "/drain",
        .wants_json = true,
        .needs_no_body = true,
        .run = run_drain},
    {.method = "GET", .path = "/sessions", .run = internal_sessions},
    {.method = "GET", .path = "/metrics", .run = run_metrics},
    {.method = "GET", .path = "/healthz", .is_open = true, .run = run_healthz},
    {.method = "GET", .path = "/readyz", .is_open = true, .run = run_readyz},
};

enum err internal_route_find(
    const char *path, const char *method, const struct internal_route **out, const char **allow)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(routes[i].path, path) != 0) {
            continue;
        }
        if (strcmp(routes[i].method, method) != 0) {
            *allow = routes[i].method;
            return ERR_WRONG_METHOD;
        }
        *out = &routes[i];
        return ERR_OK;
    }
    return ERR_UNKNOWN_PATH;
}
