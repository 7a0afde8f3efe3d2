/*
 * A session ends: by a close frame of ours, or because its connection is gone. From then on it
 * takes no forwards, is in no group, and the registry is told; its memory stays until
 * session_on_closed().
 */
#include <stdlib.h>

#include "wsnode/announce.h"
#include "wsnode/attendance.h"
#include "wsnode/deliver.h"
#include "wsnode/presence.h"
#include "wsnode/session_groups.h"
#include "wsnode/session_internal.h"
#include "wsnode/session_limits.h"
#include "wsnode/session_subscribe.h"

static void drop_queues(struct session *s)
{
    outbox_finish(&s->outbox);
    s->in_flight = false;
    if (s->held) {
        outbox_finish(s->held);
        free(s->held);
        s->held = NULL;
    }
    free(s->replay);
    s->replay = NULL;
}

/* code: of the close frame; 0: there is none. */
static void leave(struct node *n, struct session *s, enum events_end end, int code)
{
    session_stop_rings(n, s);
    session_grant_end(n, s);
    if (s->state != SESSION_OPENING) {
        announce_closed(n, s, end, code);
        attendance_end(n, s);
    }
    s->state = SESSION_CLOSING;
    drop_queues(s);
    session_end_subscriptions(n, s);
    if (s->registered) {
        presence_close(n, s);
        s->registered = false;
    }
    deliver_on_session_gone(n, s);
    session_groups_leave(n, s);
}

void session_lose(struct node *n, struct session *s)
{
    if (s->state != SESSION_CLOSING) {
        leave(n, s, EVENTS_BROKEN, 0);
    }
}

void session_close_with(struct node *n, struct session *s, uint16_t code, const char *reason)
{
    if (s->state == SESSION_CLOSING) {
        return;
    }
    leave(n, s, code == CLOSE_REPLACED ? EVENTS_REPLACED : EVENTS_CLOSED, code);
    socket_close(s->socket, code, reason);
}

void session_close(struct node *n, struct session *s, enum close_reason reason)
{
    session_close_with(n, s, (uint16_t)reason, close_reason_text(reason));
}

void session_on_peer_close(struct node *n, struct session *s, uint16_t code)
{
    if (s->state != SESSION_CLOSING) {
        leave(n, s, EVENTS_LEFT, code);
    }
}

void session_on_closed(struct node *n, struct session *s)
{
    session_lose(n, s);
    session_table_remove(&n->table, s);
    client_counts_remove(&n->clients, s->client);
    session_limits_destroy(s);
    node_stat_add(closed, 1);
    node_stat_add(sessions, -1);
    free(s);
}
