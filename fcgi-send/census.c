/*
 * Finds the nodes of groups and asks them. A node is asked once, whatever the number of its groups;
 * one that has just failed is not asked.
 */
#include "fcgi-send/census.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-send/ghosts.h"
#include "fcgi-send/outcome.h"
#include "fcgi-send/pipeline.h"
#include "fcgi-send/stats.h"
#include "shared/clock.h"
#include "shared/topics.h"

/* A hundred names of at most 257 bytes, each of which may be escaped. */
#define QUESTION_BYTES_MAX ((size_t)256 * 1024)

/* What one node is asked: its part of the row, sorted by node. */
struct inquiry {
    struct delivery **nodes; /* borrowed from the census, through by_node */
    size_t count;
    struct buf body; /* owned */
};

static enum err decode_nodes(struct census *c, struct redisReply *const *replies)
{
    size_t total = 0;

    for (size_t i = 0; i < c->count; i++) {
        enum err err =
            topics_nodes_decode(replies[i], clock_wall_ms(), &c->entries[i], &c->entry_counts[i]);
        if (err) {
            return err;
        }
        total += c->entry_counts[i];
    }
    c->nodes = calloc(total + 1, sizeof(*c->nodes));
    c->members = calloc(total + 1, sizeof(*c->members));
    if (!c->nodes || !c->members) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < c->count; i++) {
        for (size_t j = 0; j < c->entry_counts[i]; j++) {
            c->nodes[c->node_count++] =
                (struct delivery){.entry = &c->entries[i][j], .status = DELIVERY_UNREACHABLE};
        }
    }
    return ERR_OK;
}

static enum err find_nodes(struct worker *w, struct census *c)
{
    struct pipeline pipeline;
    enum err err = pipeline_init(&pipeline, c->count);

    if (err) {
        return err;
    }
    for (size_t i = 0; i < c->count; i++) {
        topics_nodes_command(
            pipeline_add(&pipeline), w->service->config->redis_prefix, c->groups[i]);
    }
    err = pipeline_run(&pipeline, w->redis, true);
    if (!err) {
        err = decode_nodes(c, pipeline.replies);
    }
    pipeline_finish(&pipeline);
    return err;
}

/* By the start of a node; within one in the order of the row. */
static int compare_nodes(const void *left, const void *right)
{
    const struct delivery *a = *(struct delivery *const *)left;
    const struct delivery *b = *(struct delivery *const *)right;
    int by_boot = strcmp(a->entry->boot, b->entry->boot);

    return by_boot ? by_boot : (a > b) - (a < b);
}

/* How many from the first on are the same node's, as far as one request takes them. */
static size_t run_length(struct delivery *const *by_node, size_t count)
{
    size_t n = 1;

    while (n < count && n < HEADCOUNT_GROUPS_MAX &&
           strcmp(by_node[n]->entry->boot, by_node[0]->entry->boot) == 0) {
        n++;
    }
    return n;
}

/* Whose members a place of the row is about. */
static const char *group_of(const struct census *c, const struct delivery *node)
{
    size_t group = 0;

    for (size_t end = c->entry_counts[0]; (size_t)(node - c->nodes) >= end;) {
        end += c->entry_counts[++group];
    }
    return c->groups[group];
}

static void write_question(const struct census *c, struct inquiry *q)
{
    const char *groups[HEADCOUNT_GROUPS_MAX];

    for (size_t i = 0; i < q->count; i++) {
        groups[i] = group_of(c, q->nodes[i]);
    }
    buf_init(&q->body, QUESTION_BYTES_MAX);
    headcount_encode(q->nodes[0]->entry->boot, groups, q->count, &q->body);
}

/* by_node: all that are to be asked. How many questions that makes. */
static size_t pack(struct worker *w, const struct census *c, struct delivery **by_node,
    size_t count, struct inquiry *inquiries, struct forward *forwards)
{
    size_t asked = 0;

    for (size_t first = 0, n; first < count; first += n) {
        const struct registry_entry *node = by_node[first]->entry;
        struct inquiry *q = &inquiries[asked];

        n = run_length(by_node + first, count - first);
        if (node_pool_is_avoided(w->service->nodes, node->boot)) {
            send_stat_add(forwards_spared, 1);
            continue;
        }
        *q = (struct inquiry){.nodes = by_node + first, .count = n};
        write_question(c, q);
        forwards[asked++] = (struct forward){.call = FORWARD_PRESENCE,
            .addr = node->addr,
            .body = {buf_str(&q->body), q->body.len},
            .asked = n};
    }
    return asked;
}

static void settle(struct worker *w, struct census *c, struct inquiry *q, struct forward *forward)
{
    enum delivery_status status = outcome_note(w, q->nodes[0]->entry->boot, forward->outcome);
    bool answered = forward->outcome == FORWARD_ANSWERED;

    for (size_t i = 0; i < q->count; i++) {
        q->nodes[i]->status = answered ? DELIVERY_ACKED : status;
        if (answered) {
            c->members[q->nodes[i] - c->nodes] = forward->members[i];
        }
    }
    if (answered) {
        free(forward->members);
    }
    buf_finish(&q->body);
}

static size_t list_by_node(struct census *c, struct delivery **by_node)
{
    size_t count = 0;

    for (size_t i = 0; i < c->node_count; i++) {
        if (c->nodes[i].status == DELIVERY_UNREACHABLE) {
            by_node[count++] = &c->nodes[i];
        }
    }
    qsort(by_node, count, sizeof(struct delivery *), compare_nodes);
    return count;
}

static enum err ask(struct worker *w, struct census *c)
{
    struct delivery **by_node = calloc(c->node_count + 1, sizeof(struct delivery *));
    struct inquiry *inquiries = calloc(c->node_count + 1, sizeof(*inquiries));
    struct forward *forwards = calloc(c->node_count + 1, sizeof(*forwards));
    enum err err = ERR_NO_MEMORY;

    if (by_node && inquiries && forwards) {
        size_t count = list_by_node(c, by_node);
        size_t asked = pack(w, c, by_node, count, inquiries, forwards);

        forward_all(w->forwarder, forwards, asked, 0);
        for (size_t i = 0; i < asked; i++) {
            settle(w, c, &inquiries[i], &forwards[i]);
        }
        err = ERR_OK;
    }
    free(by_node);
    free(inquiries);
    free(forwards);
    return err;
}

enum err census_take(struct worker *w, struct census *c)
{
    enum err err = find_nodes(w, c);

    if (err) {
        return err;
    }
    ghosts_mark(w, c->nodes, c->node_count);
    if ((err = ask(w, c))) {
        return err;
    }
    ghosts_mark_silent(w, c->nodes, c->node_count);
    const struct delivery *nodes = c->nodes;
    for (size_t i = 0; i < c->count; i++) {
        ghosts_remove_nodes(w, c->groups[i], nodes, c->entry_counts[i]);
        nodes += c->entry_counts[i];
    }
    return ERR_OK;
}

void census_finish(struct census *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->entries[i]);
    }
    free(c->nodes);
    free(c->members);
}
