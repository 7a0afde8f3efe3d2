/*
 * Sorts deliveries by node and writes the envelope for each node. Does not send anything.
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

/* What stands in an envelope besides payloads, at most: at its start, for a message, for a session,
 * for the name of a group, which may be escaped. */
#define HEAD_BYTES 128
#define MESSAGE_BYTES 192
#define SESSION_BYTES (SESSION_ID_BYTES + sizeof(",\"\""))
#define GROUP_BYTES (2 * GROUP_NAME_BYTES)

/* By node; within one by message, in the order of the batch. */
static int compare_members(const void *left, const void *right)
{
    const struct delivery *a = *(const struct delivery *const *)left;
    const struct delivery *b = *(const struct delivery *const *)right;
    int by_boot = strcmp(a->entry->boot, b->entry->boot);
    int by_addr = by_boot ? by_boot : strcmp(a->entry->addr, b->entry->addr);
    int by_message = by_addr ? by_addr : (a->sending > b->sending) - (a->sending < b->sending);

    return by_message ? by_message : (a > b) - (a < b);
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

/* How many sessions are listed for it: itself, or those whom its group's message excepts. */
static size_t sessions_of(const struct delivery *d)
{
    return d->sending && d->counts ? d->sending->message.exclude_count : 1;
}

/* What it adds to an envelope, at most. */
static size_t bytes_of(const struct delivery *d, bool begins_message)
{
    size_t bytes = sessions_of(d) * SESSION_BYTES;

    if (begins_message) {
        bytes += MESSAGE_BYTES + (d->counts ? GROUP_BYTES : 0);
        bytes += d->sending ? d->sending->message.payload.len : 0;
    }
    return bytes;
}

/* A group that does not take this member any more is followed by another piece. */
static bool is_full(
    const struct group *g, const struct delivery *member, bool begins_message, size_t max_bytes)
{
    return g->session_count + sessions_of(member) > ENVELOPE_SESSIONS_MAX ||
           (begins_message && g->message_count == ENVELOPE_MESSAGES_MAX) ||
           g->bytes + bytes_of(member, begins_message) > max_bytes;
}

/* Cuts the sorted members into groups. Returns how many messages these have together. */
static size_t cut(struct groups *g, size_t max_bytes)
{
    struct group *group = NULL;
    size_t messages = 0;

    for (size_t i = 0; i < g->member_count; i++) {
        struct delivery *member = g->members[i];
        bool stays = group && same_node(group->members[0], member);
        bool begins = !stays || g->members[i - 1]->sending != member->sending;

        if (!stays || is_full(group, member, begins, max_bytes)) {
            size_t piece = stays ? group->piece + 1 : 0;

            group = &g->items[g->count++];
            *group = (struct group){.node = member->entry,
                .members = &g->members[i],
                .session_ids = &g->session_ids[i],
                .piece = piece,
                .bytes = HEAD_BYTES};
            g->piece_count = piece < g->piece_count ? g->piece_count : piece + 1;
            begins = true;
        }
        memcpy(g->session_ids[i], member->entry->session_id, SESSION_ID_BYTES);
        group->count++;
        group->session_count += sessions_of(member);
        group->bytes += bytes_of(member, begins);
        group->message_count += begins;
        messages += begins;
    }
    return messages;
}

static void describe(const struct sending *s, struct envelope_message *out)
{
    *out = (struct envelope_message){.durable = s->sent.stored,
        .id = s->sent.id,
        .prev_id = s->sent.prev_id,
        .payload = {buf_str(&s->message.payload), s->message.payload.len}};
    if (!s->sent.stored) { /* each piece has its own */
        id_random(out->forward_id, sizeof(out->forward_id));
    }
    memcpy(out->group, s->message.target.group, sizeof(out->group));
}

/* Gives each message of a group its sessions, or the group that it is for. */
static void fill(struct group *g, struct envelope_message *messages)
{
    struct envelope_message *m = NULL;

    g->messages = messages;
    for (size_t i = 0; i < g->count; i++) {
        const struct delivery *member = g->members[i];
        const struct sending *s = member->sending;

        if (i == 0 || g->members[i - 1]->sending != s) {
            m = m ? m + 1 : messages;
            if (s) {
                describe(s, m);
            }
            m->sessions = member->counts ? s->message.exclude : &g->session_ids[i];
        }
        m->session_count += sessions_of(member);
    }
}

enum err group_by_node(
    struct delivery *deliveries, size_t count, size_t max_bytes, struct groups *out)
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
    g.member_count = list_members(deliveries, count, g.members);
    size_t messages = cut(&g, max_bytes);
    g.messages = calloc(messages + 1, sizeof(*g.messages));
    if (!g.messages) {
        groups_finish(&g);
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0, at = 0; i < g.count; at += g.items[i++].message_count) {
        fill(&g.items[i], &g.messages[at]);
    }
    *out = g;
    return ERR_OK;
}

void groups_finish(struct groups *g)
{
    free(g->items);
    free(g->members);
    free(g->session_ids);
    free(g->messages);
}

void group_encode(const struct group *g, enum message_wait wait, int64_t wait_ms, struct buf *out)
{
    struct envelope envelope = {.wait = wait,
        .wait_ms = wait_ms,
        .messages = g->messages,
        .message_count = g->message_count};

    snprintf(envelope.boot, sizeof(envelope.boot), "%s", g->node->boot);
    envelope_encode(&envelope, out);
}

/* A node answers in the order of the request, so the search starts where the last one ended. */
static struct delivery *find_member(
    struct delivery **members, size_t count, const char *session_id, size_t start)
{
    for (size_t i = 0; i < count; i++) {
        struct delivery *member = members[(start + i) % count];

        if (strcmp(member->entry->session_id, session_id) == 0) {
            return member;
        }
    }
    return NULL;
}

static void take_statuses(
    struct delivery **members, size_t count, const struct envelope_answer_message *said)
{
    for (size_t i = 0; i < said->session_count; i++) {
        const struct envelope_status *status = &said->sessions[i];
        struct delivery *member = find_member(members, count, status->session_id, i);

        if (member) {
            member->status = status->status;
            member->idle_ms = status->idle_ms;
        }
    }
}

static void take_counts(struct delivery *member, const struct envelope_answer_message *said)
{
    if (said->is_group) {
        member->status = DELIVERY_ACKED;
        *member->counts = said->counts;
    }
}

void group_take_answer(struct group *g, const struct envelope_answer *answer)
{
    struct delivery **members = g->members;

    for (size_t i = 0; i < g->message_count && i < answer->message_count; i++) {
        const struct envelope_answer_message *said = &answer->messages[i];
        size_t count = 1;

        if ((*members)->counts) {
            take_counts(*members, said);
        } else {
            count = g->messages[i].session_count;
            take_statuses(members, count, said);
        }
        members += count;
    }
}

void group_set_status(struct group *g, enum delivery_status status)
{
    for (size_t i = 0; i < g->count; i++) {
        g->members[i]->status = status;
    }
}

void group_set_session_status(struct group *g, const char *session_id, enum delivery_status status)
{
    struct delivery *member = find_member(g->members, g->count, session_id, 0);

    if (member) {
        member->status = status;
    }
}
