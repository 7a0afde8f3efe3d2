/*
 * Opens. They go out through a window, so that a crowd that waited for Redis does not exceed its
 * time-outs.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "wsnode/presence_state.h"
#include "wsnode/session_groups.h"

#define OPEN_RETRY_MS 250

static void unqueue(struct presence *p, struct opening *o)
{
    if (o->place == OPENING_WAITS) {
        TAILQ_REMOVE(&p->waiting, o, link);
    } else if (o->place == OPENING_FAILED) {
        TAILQ_REMOVE(&p->failed_opens, o, link);
    }
}

static void opening_destroy(struct presence *p, struct opening *o)
{
    HASH_DELETE(by_id, p->openings, o);
    topics_local_cancel(&o->groups);
    unqueue(p, o);
    free(o);
}

static struct opening *opening_find(const struct presence *p, const char *session_id)
{
    struct opening *o;

    HASH_FIND(by_id, p->openings, session_id, strlen(session_id), o);
    return o;
}

static void try_again_later(struct presence *p, struct opening *o, int64_t now_ms)
{
    o->due_ms = now_ms + OPEN_RETRY_MS;
    o->place = OPENING_FAILED;
    TAILQ_INSERT_TAIL(&p->failed_opens, o, link);
}

static void after_open(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct presence *p = n->presence;
    struct opening *o = arg;
    struct session *s = session_table_find(&n->table, o->session_id);
    int64_t now_ms = clock_mono_ms();
    struct registry_opened opened;

    p->pending--;
    window_answered(&p->opens, now_ms - o->sent_ms, n->config->redis_command_timeout_ms);
    try_again_later(p, o, now_ms);
    if (!s || s->state != SESSION_OPENING) {
        /* It ended in the meantime; only now is it sure that its close comes after its open. */
        presence_send_close(n, o->user_id, o->session_id);
        opening_destroy(p, o);
    } else if (!err && registry_open_decode(reply, &opened) == ERR_OK) {
        opening_destroy(p, o); /* first: the session may end inside of what follows */
        session_after_open(n, s, &opened);
        registry_opened_finish(&opened);
    }
    presence_send_waiting(n, now_ms);
}

/* false: no other one either, for now. */
static bool send_open(struct node *n, struct opening *o, const struct session *s, int64_t now_ms)
{
    struct presence *p = n->presence;
    struct registry_entry entry;
    struct registry_token token;
    struct command c;

    const char *alive = p->live_nodes ? live_nodes_text(p->live_nodes, now_ms) : "";
    if (!alive) {
        return false;
    }
    presence_describe(n, s, &entry);
    struct registry_open open = {.entry = &entry,
        .ttl_ms = n->config->registry_session_ttl_ms,
        .mode = (enum on_duplicate_mode)n->config->node_on_duplicate,
        .token = presence_describe_token(s, &token),
        .alive = alive,
        .last_id = o->last_id,
        .limits = presence_page_limits(n),
        .max_of_user = n->config->node_max_sessions_per_user,
        .max_of_key = n->config->node_max_sessions_per_key};
    command_init(&c);
    registry_open_command(&c, n->config->redis_prefix, &open);
    unqueue(p, o);
    o->place = OPENING_IN_FLIGHT;
    o->sent_ms = now_ms;
    if (presence_run_confirmed(n, &c, after_open, o)) {
        try_again_later(p, o, now_ms); /* others may have another server */
        return true;
    }
    o->was_sent = true;
    window_sent(&p->opens);
    return true;
}

/* It came before those that wait now. */
static void on_group_joined(struct node *n, struct topic_waiter *w)
{
    struct opening *o = (struct opening *)(void *)((char *)w - offsetof(struct opening, groups));

    o->place = OPENING_WAITS;
    TAILQ_INSERT_HEAD(&n->presence->waiting, o, link);
}

/* true: not before its groups are in Redis, because who is connected gets what is sent to them. */
static bool awaits_group(struct node *n, struct opening *o, const struct session *s)
{
    if (session_groups_await(n, s, &o->groups)) {
        return false;
    }
    unqueue(n->presence, o);
    o->place = OPENING_AWAITS_GROUP;
    return true;
}

/* NULL: there is none. */
static struct opening *next_due(const struct presence *p, int64_t now_ms)
{
    struct opening *failed = TAILQ_FIRST(&p->failed_opens);

    return failed && failed->due_ms <= now_ms ? failed : TAILQ_FIRST(&p->waiting);
}

void presence_send_waiting(struct node *n, int64_t now_ms)
{
    struct presence *p = n->presence;
    struct opening *o;

    while (
        window_is_open(&p->opens) && redis_async_is_ready(n->redis) && (o = next_due(p, now_ms))) {
        const struct session *s = session_table_find(&n->table, o->session_id);
        if (!s) {
            opening_destroy(p, o);
        } else if (!awaits_group(n, o, s) && !send_open(n, o, s, now_ms)) {
            return;
        }
    }
}

void presence_open(struct node *n, struct session *s, const char *last_id)
{
    struct address address;
    struct opening *o = calloc(1, sizeof(*o));

    if (!o) {
        return; /* registry_wait ends the session */
    }
    session_table_address(s, &address);
    memcpy(o->session_id, s->id, sizeof(o->session_id));
    memcpy(o->user_id, address.user_id, sizeof(o->user_id));
    (void)snprintf(o->last_id, sizeof(o->last_id), "%s", last_id);
    o->groups.on_joined = on_group_joined;
    HASH_ADD(by_id, n->presence->openings, session_id, strlen(o->session_id), o);
    if (!hash_has(o, by_id)) {
        free(o);
        return;
    }
    int64_t now_ms = clock_mono_ms();
    o->place = OPENING_WAITS;
    TAILQ_INSERT_TAIL(&n->presence->waiting, o, link);
    presence_send_topics(n, now_ms);
    presence_send_waiting(n, now_ms);
}

void presence_end_openings(struct presence *p)
{
    struct opening *o;
    struct opening *next;

    HASH_ITER(by_id, p->openings, o, next)
    {
        opening_destroy(p, o);
    }
}

bool presence_end_opening(struct node *n, const struct session *s)
{
    struct presence *p = n->presence;
    struct opening *o = opening_find(p, s->id);

    if (!o) {
        return false;
    }
    if (o->place == OPENING_IN_FLIGHT) {
        return true; /* after_open() does it */
    }
    bool was_sent = o->was_sent;
    opening_destroy(p, o);
    return !was_sent;
}
