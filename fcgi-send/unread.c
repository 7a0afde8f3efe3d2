/*
 * GET /unread: how many messages wait for somebody to read them.
 */
#include <inttypes.h>

#include "fcgi-send/pipeline.h"
#include "fcgi-send/query.h"
#include "fcgi-send/routes.h"
#include "shared/history.h"

static enum err read_query(const struct request *req, struct target *out, struct problem *p)
{
    static const char *const names[] = {"userId", "serverClient", "page", NULL};
    struct query query;
    enum err err = query_read(req->query, names, NULL, &query, p);

    if (err) {
        return err;
    }
    err = query_target(&query, out, p);
    query_finish(&query);
    return err;
}

static enum err count_unread(struct worker *w, const struct target *t, int64_t *unread)
{
    struct pipeline pipeline;
    enum err err = pipeline_init(&pipeline, 1);

    if (err) {
        return err;
    }
    history_unread_command(pipeline_add(&pipeline), w->service->config->redis_prefix, t);
    err = pipeline_run(&pipeline, w->redis, true);
    if (!err) {
        err = history_unread_decode(pipeline.replies[0], unread);
    }
    pipeline_finish(&pipeline);
    return err;
}

enum err unread_serve(
    struct worker *w, const struct request *req, struct response *res, struct problem *p)
{
    struct target target;
    int64_t unread = 0;
    enum err err = read_query(req, &target, p);

    if (err || (err = auth_check_reach(req->caller, target.server_client, p)) ||
        (err = count_unread(w, &target, &unread))) {
        return err;
    }
    buf_addf(&res->data, "{\"unread\":%" PRId64 "}", unread);
    return ERR_OK;
}
