/*
 * GET /nodes: every node that has ever reported, as Redis knows it now.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi-send/routes.h"
#include "shared/clock.h"

static void encode_node(const struct node_info *n, int64_t now_ms, struct buf *out)
{
    int64_t age_ms = now_ms > n->at_ms ? now_ms - n->at_ms : 0;

    buf_add_char(out, '{');
    buf_add_json_member(out, "node", n->node_id);
    buf_add_json_member(out, "state", n->state);
    buf_add_json_member(out, "addr", n->addr);
    buf_add_json_member(out, "boot", n->boot);
    buf_add_json_member(out, "version", n->version);
    buf_addf(out, "\"sessions\":%" PRId64 ",\"ageMs\":%" PRId64 "}", n->sessions, age_ms);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const struct node_info *)a)->node_id, ((const struct node_info *)b)->node_id);
}

enum err nodes_serve(
    struct worker *w, const struct request *req, struct response *res, struct problem *p)
{
    struct node_info *nodes;
    size_t count;
    enum err err = nodes_load(w->redis, w->service->config->redis_prefix, &nodes, &count);

    (void)req;
    (void)p;
    if (err) {
        return err;
    }
    qsort(nodes, count, sizeof(*nodes), compare_ids);
    buf_add_str(&res->data, "{\"nodes\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_add_char(&res->data, ',');
        }
        encode_node(&nodes[i], clock_wall_ms(), &res->data);
    }
    buf_add_str(&res->data, "]}");
    free(nodes);
    return ERR_OK;
}
