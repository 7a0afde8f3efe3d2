/*
 * The table of calls, and the steps that are the same for all of them.
 */
#include "fcgi-send/routes.h"

#include <string.h>

#include "fcgi-send/path.h"
#include "fcgi-send/stats.h"
#include "shared/clock.h"
#include "shared/log.h"

enum { METHOD_GET = 1, METHOD_POST = 2 };
#define ANYBODY 0

struct route {
    const char *name;
    unsigned methods;
    unsigned scope; /* of enum auth_scope, or ANYBODY: no key needed */
    enum send_stat requests;
    call_serve *serve;
};

static const struct route routes[] = {
    {"socketSend", METHOD_POST, AUTH_SEND, SEND_STAT_requests_socketSend, send_serve},
    {"subscribe", METHOD_POST, AUTH_SEND, SEND_STAT_requests_subscribe, subscribe_serve},
    {"unsubscribe", METHOD_POST, AUTH_SEND, SEND_STAT_requests_unsubscribe, unsubscribe_serve},
    {"socketClose", METHOD_POST, AUTH_ADMIN, SEND_STAT_requests_socketClose, close_serve},
    {"online", METHOD_GET | METHOD_POST, AUTH_PRESENCE, SEND_STAT_requests_online, online_serve},
    {"presence", METHOD_GET | METHOD_POST, AUTH_PRESENCE, SEND_STAT_requests_presence,
        presence_serve},
    {"unread", METHOD_GET, AUTH_PRESENCE, SEND_STAT_requests_unread, unread_serve},
    {"history", METHOD_GET, AUTH_PRESENCE, SEND_STAT_requests_history, history_serve},
    {"status", METHOD_GET, AUTH_PRESENCE, SEND_STAT_requests_status, status_serve},
    {"revoke", METHOD_POST, AUTH_ADMIN, SEND_STAT_requests_revoke, revoke_serve},
    {"nodes", METHOD_GET, AUTH_ADMIN, SEND_STAT_requests_nodes, nodes_serve},
    {"metrics", METHOD_GET, AUTH_ADMIN, SEND_STAT_requests_metrics, metrics_serve},
    {"healthz", METHOD_GET, ANYBODY, SEND_STAT_requests_healthz, healthz_serve},
};

static const struct route *find_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(routes[i].name, name) == 0) {
            return &routes[i];
        }
    }
    return NULL;
}

static enum err find_by_path(struct slice path, const struct route **out, struct problem *p)
{
    char name[PATH_BYTES_MAX];
    enum err err = path_last_segment(path, name, p);

    *out = err ? NULL : find_by_name(name);
    return err;
}

/*
 * By the path as the caller wrote it; where the web server has rewritten it, by what came of that.
 * Web servers cut the latter in two at different places, so only both together say anything.
 */
static enum err find_route(const struct request *req, const struct route **out, struct problem *p)
{
    struct slice path = {req->uri, strcspn(req->uri, "?")};
    char rewritten[2 * PATH_BYTES_MAX];

    enum err err = find_by_path(path, out, p);
    if (err || *out) {
        return err;
    }
    size_t script_len = strlen(req->script_name);
    size_t info_len = strlen(req->path_info);
    if (script_len + info_len < sizeof(rewritten)) {
        memcpy(rewritten, req->script_name, script_len);
        memcpy(rewritten + script_len, req->path_info, info_len + 1);
        const char *slash = strrchr(rewritten, '/');
        *out = find_by_name(slash ? slash + 1 : rewritten);
    }
    return *out ? ERR_OK : problem_set(p, ERR_UNKNOWN_PATH, "", NULL);
}

static unsigned method_of(const struct request *req)
{
    if (strcmp(req->method, "GET") == 0) {
        return METHOD_GET;
    }
    return strcmp(req->method, "POST") == 0 ? METHOD_POST : 0;
}

static enum err check_method(
    const struct route *route, const struct request *req, struct response *res, struct problem *p)
{
    static const char *const allowed[] = {
        [METHOD_GET] = "GET", [METHOD_POST] = "POST", [METHOD_GET | METHOD_POST] = "GET, POST"};

    if (method_of(req) & route->methods) {
        return ERR_OK;
    }
    res->allow = allowed[route->methods];
    return problem_set(p, ERR_WRONG_METHOD, "", NULL);
}

static enum err authorize(
    const struct auth_keys *keys, const struct route *route, struct request *req)
{
    if (route->scope == ANYBODY) {
        return ERR_OK;
    }
    return auth_check(
        keys, req->authorization, req->api_key, (enum auth_scope)route->scope, &req->caller);
}

static enum err serve(struct worker *w, const struct auth_keys *keys, struct request *req,
    struct response *res, struct problem *p)
{
    const struct route *route = NULL;
    enum err err = find_route(req, &route, p);

    stats_add(&send_stats[route ? route->requests : SEND_STAT_requests_unknown], 1);
    if (!route) {
        return err;
    }
    if ((err = check_method(route, req, res, p)) || (err = authorize(keys, route, req))) {
        return err;
    }
    if (method_of(req) == METHOD_POST) {
        err = request_read_body(req, w->service->config->send_body_max_bytes, p);
    }
    if (!err) {
        err = route->serve(w, req, res, p);
    }
    log_debug("request", "call=%s caller=%s err=%s", route->name,
        req->caller ? req->caller->name : "", err_name(err));
    return err;
}

/* Says the table's text where a call has only returned an error. */
static void set_problem(struct response *res, enum err err, const struct problem *p)
{
    if (p->err == err) {
        res->problem = *p;
    } else {
        problem_set(&res->problem, err, "", NULL);
    }
}

void routes_serve(struct worker *w, struct request *req)
{
    struct problem problem = {.err = ERR_OK};
    struct response res;
    struct buf bytes;

    send_stat_add(busy, 1);
    response_init(&res);
    struct key_set *set = key_store_ref(w->service->keys, clock_mono_ms());
    enum err err = serve(w, &set->keys, req, &res, &problem);
    if (err) {
        set_problem(&res, err, &problem);
        send_stats_count_error(err);
    }
    buf_init(&bytes, RESPONSE_BYTES_MAX);
    response_encode(&res, &bytes);
    request_drain(req);
    request_answer(req, (struct slice){buf_str(&bytes), bytes.len});
    buf_finish(&bytes);
    response_finish(&res);
    key_set_unref(set); /* the caller is of it */
    send_stat_add(busy, -1);
}
