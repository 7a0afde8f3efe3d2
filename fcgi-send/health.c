/*
 * GET /healthz: a thread is there to answer, whatever Redis and the nodes do. GET /metrics.
 */
#include "fcgi-send/routes.h"
#include "fcgi-send/stats.h"

enum err healthz_serve(
    struct worker *w, const struct request *req, struct response *res, struct problem *p)
{
    (void)w;
    (void)req;
    (void)p;
    buf_add_str(&res->data, "{}");
    return ERR_OK;
}

enum err metrics_serve(
    struct worker *w, const struct request *req, struct response *res, struct problem *p)
{
    (void)w;
    (void)req;
    (void)p;
    res->content_type = "text/plain; version=0.0.4; charset=utf-8";
    send_stats_render(&res->data);
    return ERR_OK;
}
