/*
 * The end of a session's token, and its renewal. A renewal that fails changes nothing: the session
 * has until the end of the token that it came with to bring a better one.
 */
#include "wsnode/session_grant.h"

#include <stdlib.h>
#include <string.h>

#include "wsnode/admission.h"
#include "wsnode/session_internal.h"
#include "wsnode/session_subscribe.h"

/* As for rings: the others are closed by the next ticks. */
#define TICK_ENTRIES_MAX 1000

/* The second in which it is over: not before exp and the leeway have passed. */
static int64_t due_s_of(const struct node *n, const struct session_grant *g)
{
    return (g->expires_ms + n->config->token_leeway_ms + 999) / 1000;
}

enum err session_grant_set(struct node *n, struct session *s, const struct token *t)
{
    size_t id_bytes = strlen(t->id) + 1;
    size_t topics_bytes = strlen(t->topics) + 1;
    struct session_grant *g = calloc(1, sizeof(*g) + id_bytes + topics_bytes);

    if (!g) {
        return ERR_NO_MEMORY;
    }
    g->session = s;
    g->expires_ms = t->expires_ms;
    g->issued_ms = t->issued_ms;
    g->id = memcpy(g->texts, t->id, id_bytes);
    memcpy(g->texts + id_bytes, t->topics, topics_bytes);
    g->topics = t->has_topics ? g->texts + id_bytes : NULL;
    session_grant_end(n, s);
    s->grant = g;
    if (g->expires_ms > 0) {
        wheel_add(&n->expiries, &g->expiry, due_s_of(n, g));
    }
    return ERR_OK;
}

void session_grant_end(struct node *n, struct session *s)
{
    if (s->grant) {
        wheel_remove(&n->expiries, &s->grant->expiry);
        free(s->grant);
        s->grant = NULL;
    }
}

static void tell_renewed(struct node *n, struct session *s)
{
    struct buf frame;

    session_frame_init(&frame, 0);
    s->format->renewed(s->grant->expires_ms, s->grant->expires_ms - node_wall_ms(n), &frame);
    session_tell(n, s, &frame);
    buf_finish(&frame);
}

void session_on_auth(struct node *n, struct session *s, const struct format_event *event)
{
    struct address address;
    struct token token;
    struct problem problem;

    session_table_address(s, &address);
    enum err err = admission_renew(n, event->text, &address, node_wall_ms(n), &token, &problem);
    if (!err && (err = session_grant_set(n, s, &token))) {
        (void)problem_set(&problem, err, "", NULL);
    }
    if (err) {
        session_tell_problem(n, s, &problem, event);
        return;
    }
    node_stat_add(renewals, 1);
    tell_renewed(n, s);
    session_end_forbidden(n, s);
    session_check(n, s); /* the registry knows whether the new token was revoked */
}

void session_grant_on_tick(struct node *n)
{
    int64_t now_s = node_wall_ms(n) / 1000;
    struct wheel_entry *e;

    for (int i = 0; i < TICK_ENTRIES_MAX && (e = wheel_take_due(&n->expiries, now_s)); i++) {
        struct session_grant *g =
            (struct session_grant *)(void *)((char *)e - offsetof(struct session_grant, expiry));

        node_stat_add(expired, 1);
        session_close(n, g->session, CLOSE_TOKEN_EXPIRED);
    }
}
