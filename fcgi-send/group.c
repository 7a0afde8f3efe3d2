/*
 * Sorts a user's sessions by node and writes the envelope for each node. Does not send anything.
 */
#include "fcgi-send/group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same_node(const struct delivery *a, const struct delivery *b)
{
    return strcmp(a->entry->boot, b->entry->boot) == 0 &&
           strcmp(a->entry->addr, b->entry->addr) == 0;
}

/* By node; within one in the order of the look-up, which is the order of the array. */
static int compare_members(const void *left, const void *right)
{
    const struct delivery *a = *(const struct delivery *const *)left;
    const struct delivery *b = *(const struct delivery *const *)right;
    int by_boot = strcmp(a->entry->boot, b->entry->boot);
    int by_addr = by_boot ? by_boot : strcmp(a->entry->addr, b->entry->addr);

    return by_addr ? by_addr : (a > b) - (a < b);
}

static size_t list_members(struct delivery *deliveries, size_t count, struct delivery **members)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        if (deliveries[i].status == DELIVERY_UNREACHABLE) {
            members[found++] = &deliveries[i];
        }
    }
    qsort(members, found, sizeof(*members), compare_members);
    return found;
}

/* Cuts the sorted members into groups. */
static void cut(struct groups *g, size_t member_count)
{
    struct group *group = NULL;

    for (size_t i = 0; i < member_count; i++) {
        struct delivery *member = g->members[i];

        if (!group || !same_node(group->members[0], member) ||
            group->count == ENVELOPE_SESSIONS_MAX) {
            group = &g->items[g->count++];
            *group = (struct group){member->entry, &g->members[i], &g->session_ids[i], 0};
        }
        memcpy(g->session_ids[i], member->entry->session_id, SESSION_ID_BYTES);
        group->count++;
    }
}

enum err group_by_node(struct delivery *deliveries, size_t count, struct groups *out)
{
    struct groups g = {
        .items = calloc(count + 1, sizeof(*g.items)),
        .members = calloc(count + 1, sizeof(*g.members)),
        .session_ids = calloc(count + 1, sizeof(*g.session_ids)),
    };

    if (!g.items || !g.members || !g.session_ids) {
        groups_finish(&g);
        return ERR_NO_MEMORY;
    }
    cut(&g, list_members(deliveries, count, g.members));
    *out = g;
    return ERR_OK;
}

void groups_finish(struct groups *g)
{
    free(g->items);
    free(g->members);
    free(g->session_ids);
}

void group_encode(const struct group *g, const struct envelope_message *message,
    enum message_wait wait, int64_t wait_ms, struct buf *out)
{
    struct envelope_message own = *message;
    struct envelope envelope = {
        .wait = wait, .wait_ms = wait_ms, .messages = &own, .message_count = 1};

    own.sessions = g->session_ids;
    own.session_count = g->count;
    snprintf(envelope.boot, sizeof(envelope.boot), "%s", g->node->boot);
    envelope_encode(&envelope, out);
}

/* A node answers in the order of the request, so the search starts where the last one ended. */
static struct delivery *find_member(struct group *g, const char *session_id, size_t start)
{
    for (size_t i = 0; i < g->count; i++) {
        size_t at = (start + i) % g->count;

        if (strcmp(g->session_ids[at], session_id) == 0) {
            return g->members[at];
        }
    }
    return NULL;
}

void group_take_answer(struct group *g, const struct envelope_answer *answer)
{
    if (answer->message_count == 0) {
        return;
    }
    const struct envelope_answer_message *said = &answer->messages[0];
    for (size_t i = 0; i < said->session_count; i++) {
        struct delivery *member = find_member(g, said->sessions[i].session_id, i);

        if (member) {
            member->status = said->sessions[i].status;
            member->idle_ms = said->sessions[i].idle_ms;
        }
    }
}

void group_set_status(struct group *g, enum delivery_status status)
{
    for (size_t i = 0; i < g->count; i++) {
        g->members[i]->status = status;
    }
}

bool group_has_unreachable(const struct group *g)
{
    for (size_t i = 0; i < g->count; i++) {
        if (g->members[i]->status == DELIVERY_UNREACHABLE) {
            return true;
        }
    }
    return false;
}
