/*
 * Sends hints, and counts those that Redis took.
 */
#include "fcgi-send/hints.h"

#include <string.h>

#include "fcgi-send/service.h"
#include "fcgi-send/stats.h"

void hints_init(struct hints *h, struct worker *w, size_t max)
{
    h->worker = w;
    h->fails = pipeline_init(&h->pipeline, max) != ERR_OK;
}

void hints_add(struct hints *h, const char *node_id, enum hint hint, const char *subject)
{
    const char *prefix = h->worker->service->config->redis_prefix;

    if (!h->fails) {
        hint_command(pipeline_add(&h->pipeline), prefix, node_id, hint, subject);
    }
}

void hints_send(struct hints *h)
{
    if (h->fails) {
        return;
    }
    if (!pipeline_run(&h->pipeline, h->worker->redis, true)) {
        send_stat_add(hints, (int64_t)h->pipeline.count);
    }
    pipeline_finish(&h->pipeline);
}

static bool is_first_of_its_node(const struct registry_entry *sessions, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (strcmp(sessions[i].node_id, sessions[at].node_id) == 0) {
            return false;
        }
    }
    return true;
}

void hints_tell_nodes_of(struct worker *w, const struct registry_entry *sessions, size_t count,
    enum hint hint, const char *user_id)
{
    struct hints hints;

    hints_init(&hints, w, count);
    for (size_t i = 0; i < count; i++) {
        if (is_first_of_its_node(sessions, i)) {
            hints_add(&hints, sessions[i].node_id, hint, user_id);
        }
    }
    hints_send(&hints);
}
