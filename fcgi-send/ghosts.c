/*
 * Finds ghosts by their node's lease, and removes them. Entries of nodes that the pool knows to be
 * alive cost nothing; for the others the leases themselves are asked for, all in one pipeline. Each
 * ghost costs that once, as it is removed then.
 */
#include "fcgi-send/ghosts.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-send/pipeline.h"
#include "fcgi-send/stats.h"
#include "shared/topics.h"

/* A start of a node that is not known to be alive. */
struct suspect {
    const struct registry_entry *node; /* any of its entries */
    bool is_alive;
};

static struct suspect *find_suspect(
    struct suspect *suspects, size_t count, const struct registry_entry *entry)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(suspects[i].node->boot, entry->boot) == 0 &&
            strcmp(suspects[i].node->node_id, entry->node_id) == 0) {
            return &suspects[i];
        }
    }
    return NULL;
}

/* Those that the pool does not know to be alive; or, whatever it knows, those that are silent. */
static bool is_suspect(struct worker *w, const struct delivery *d, bool silent)
{
    return silent ? d->status == DELIVERY_UNREACHABLE
                  : !node_pool_knows_alive(w->service->nodes, d->entry->boot);
}

static size_t list_suspects(struct worker *w, const struct delivery *deliveries, size_t count,
    bool silent, struct suspect *suspects)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        const struct registry_entry *entry = deliveries[i].entry;

        if (!find_suspect(suspects, found, entry) && is_suspect(w, &deliveries[i], silent)) {
            suspects[found++] = (struct suspect){entry, true};
        }
    }
    return found;
}

static enum err ask_leases(struct worker *w, struct suspect *suspects, size_t count)
{
    struct pipeline pipeline;
    enum err err = pipeline_init(&pipeline, count);

    if (err) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        nodes_get_lease_command(
            pipeline_add(&pipeline), w->service->config->redis_prefix, suspects[i].node->node_id);
    }
    err = pipeline_run(&pipeline, w->redis, true);
    for (size_t i = 0; !err && i < count; i++) {
        struct slice boot = redis_reply_text(pipeline.replies[i]);

        suspects[i].is_alive = boot.at && slice_equal(boot, suspects[i].node->boot);
    }
    pipeline_finish(&pipeline);
    return err;
}

static void mark(struct worker *w, struct delivery *deliveries, size_t count, bool silent)
{
    struct suspect *suspects = calloc(count, sizeof(*suspects));

    if (!suspects) {
        return;
    }
    size_t suspect_count = list_suspects(w, deliveries, count, silent, suspects);
    if (suspect_count > 0 && !ask_leases(w, suspects, suspect_count)) {
        for (size_t i = 0; i < count; i++) {
            const struct suspect *s = find_suspect(suspects, suspect_count, deliveries[i].entry);

            if (s && !s->is_alive) {
                deliveries[i].status = DELIVERY_GONE;
            }
        }
    }
    free(suspects);
}

void ghosts_mark(struct worker *w, struct delivery *deliveries, size_t count)
{
    if (count > 0) {
        node_pool_refresh(w->service->nodes, w->redis);
        mark(w, deliveries, count, false);
    }
}

void ghosts_mark_silent(struct worker *w, struct delivery *deliveries, size_t count)
{
    if (count > 0) {
        mark(w, deliveries, count, true);
    }
}

static int compare_entries(const void *left, const void *right)
{
    const struct delivery *a = *(const struct delivery *const *)left;
    const struct delivery *b = *(const struct delivery *const *)right;

    return (a->entry > b->entry) - (a->entry < b->entry);
}

/* Several messages may have met the same one. */
static size_t list_gone(
    const struct delivery *deliveries, size_t count, const struct delivery **gone)
{
    size_t found = 0;
    size_t different = 0;

    for (size_t i = 0; i < count; i++) {
        if (deliveries[i].status == DELIVERY_GONE) {
            gone[found++] = &deliveries[i];
        }
    }
    qsort(gone, found, sizeof(*gone), compare_entries);
    for (size_t i = 0; i < found; i++) {
        if (i == 0 || gone[i]->entry != gone[i - 1]->entry) {
            gone[different++] = gone[i];
        }
    }
    return different;
}

static bool has_gone(const struct delivery *deliveries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (deliveries[i].status == DELIVERY_GONE) {
            return true;
        }
    }
    return false;
}

static void add_removal(struct command *c, const char *prefix, const struct delivery *ghost)
{
    if (ghost->counts) {
        topics_leave_command(c, prefix, ghost->sending->message.target.group, ghost->entry);
    } else {
        registry_remove_ghost_command(c, prefix, ghost->entry);
    }
}

/* If it fails, the ghosts stay until the next send meets them. */
static void remove_entries(struct worker *w, const struct delivery *const *gone, size_t count)
{
    struct pipeline pipeline;

    if (pipeline_init(&pipeline, count)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        add_removal(pipeline_add(&pipeline), w->service->config->redis_prefix, gone[i]);
    }
    if (!pipeline_run(&pipeline, w->redis, true)) {
        send_stat_add(ghosts, (int64_t)pipeline.count);
    }
    pipeline_finish(&pipeline);
}

void ghosts_remove(struct worker *w, const struct delivery *deliveries, size_t count)
{
    if (!has_gone(deliveries, count)) {
        return;
    }
    const struct delivery **gone = calloc(count, sizeof(*gone));
    if (gone) {
        remove_entries(w, gone, list_gone(deliveries, count, gone));
        free(gone);
    }
}

void ghosts_remove_nodes(
    struct worker *w, const char *group, const struct delivery *nodes, size_t count)
{
    struct pipeline pipeline;

    if (!has_gone(nodes, count) || pipeline_init(&pipeline, count)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (nodes[i].status == DELIVERY_GONE) {
            topics_leave_command(
                pipeline_add(&pipeline), w->service->config->redis_prefix, group, nodes[i].entry);
        }
    }
    if (!pipeline_run(&pipeline, w->redis, true)) {
        send_stat_add(ghosts, (int64_t)pipeline.count);
    }
    pipeline_finish(&pipeline);
}
