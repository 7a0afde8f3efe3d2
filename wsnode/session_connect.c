/*
 * A handshake has ended well: the session begins, and the registry is asked to open it.
 */
#include <stdlib.h>

#include "shared/clock.h"
#include "wsnode/presence.h"
#include "wsnode/session_groups.h"
#include "wsnode/session_internal.h"
#include "wsnode/session_limits.h"

static struct session *create(
    struct socket *socket, const struct session_handshake *h, int64_t now_ms)
{
    struct session *s = calloc(1, sizeof(*s));

    if (!s) {
        return NULL;
    }
    id_random(s->id, sizeof(s->id));
    s->format = h->format;
    s->socket = socket;
    s->client = h->client;
    s->since_ms = clock_wall_ms(); /* shown to people, never compared with a deadline */
    s->last_rx_ms = now_ms;
    s->state = SESSION_OPENING;
    outbox_init(&s->outbox);
    if (message_id_parse(slice_of(h->last_id), &s->watermark) != ERR_OK) {
        s->watermark = (struct message_id){0, 0};
    }
    return s;
}

static enum err start_grant(struct node *n, struct session *s, const struct session_handshake *h)
{
    return *h->token.user_id ? session_grant_set(n, s, &h->token) : ERR_OK;
}

struct session *session_on_open(
    struct node *n, struct socket *socket, const struct session_handshake *h, int64_t now_ms)
{
    struct session *s = create(socket, h, now_ms);

    if (!s) {
        return NULL;
    }
    n->now_ms = now_ms;
    if (session_table_add(&n->table, s, &h->address) != ERR_OK) {
        free(s);
        return NULL;
    }
    if (session_groups_join(n, s) != ERR_OK) {
        goto no_groups;
    }
    if (start_grant(n, s, h) != ERR_OK || session_limits_start(n, s) != ERR_OK) {
        goto no_limits;
    }
    client_counts_add(&n->clients, s->client);
    ring_add(&n->openings, &s->liveness, now_ms);
    node_stat_add(opened, 1);
    node_stat_add(sessions, 1);
    s->registered = true;
    s->fetching = true;
    presence_open(n, s, h->last_id);
    return s;

no_limits:
    session_grant_end(n, s);
    session_groups_leave(n, s);
no_groups:
    session_table_remove(&n->table, s);
    free(s);
    return NULL;
}
