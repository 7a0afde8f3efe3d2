/*
 * The registry's answers: the session is open, or still is. What was missed goes on to
 * session_replay.c.
 */
#include <stdlib.h>
#include <string.h>

#include "wsnode/announce.h"
#include "wsnode/attendance.h"
#include "wsnode/presence.h"
#include "wsnode/session_internal.h"
#include "wsnode/session_subscribe.h"
#include "wsnode/session_topic.h"

/* Older sessions of the same key: on this node they are told at once, elsewhere by a hint. */
static void settle_duplicate(struct node *n, const struct registry_entry *duplicate)
{
    bool replaces = n->config->node_on_duplicate == ON_DUPLICATE_REPLACE;
    struct session *local = session_table_find(&n->table, duplicate->session_id);

    if (!local) {
        presence_hint(n, duplicate, replaces ? HINT_REPLACED : HINT_NOTIFY);
    } else if (replaces) {
        session_close(n, local, CLOSE_REPLACED);
    } else {
        session_notify_duplicate(n, local);
    }
}

/*
 * Where the replay starts: after what the client has, or else after what has been read. Of what
 * came before the session it is not known whether the client ever had it.
 */
static enum err take_place(struct session *s, const struct registry_opened *opened)
{
    if (opened->cursors.filter) {
        s->replay = malloc(sizeof(*s->replay));
        if (!s->replay) {
            return ERR_NO_MEMORY;
        }
        *s->replay = opened->cursors;
    }
    s->watermark = opened->start;
    s->written = opened->start;
    s->passed = opened->cursors.filter ? opened->position : opened->start;
    return ERR_OK;
}

/*
 * The position that the client is told is one that it can resume from whatever happens next: as
 * long as there is something to replay, that is the place before it.
 */
static void greet(struct node *n, struct session *s, const struct registry_opened *opened)
{
    struct format_connected connected = {
        .position = opened->missed > 0 ? opened->start : opened->position,
        .recovered = opened->recovered,
        .unread = opened->unread,
        .missed = opened->missed,
        .ping_ms = session_sign_of_life_ms(n->config),
        .expires_ms = s->grant ? s->grant->expires_ms : 0,
        .expires_in_ms =
            s->grant && s->grant->expires_ms > 0 ? s->grant->expires_ms - node_wall_ms(n) : 0,
    };
    struct format_session description;
    struct buf frame;

    session_describe(s, &description);
    session_frame_init(&frame, strlen(n->config->node_unread_text));
    s->format->connected(&description, &connected, &frame);
    session_tell(n, s, &frame);
    if (opened->unread > 0) {
        buf_reset(&frame);
        s->format->unread_notice(&description, n->config->node_unread_text, opened->unread, &frame);
        session_tell(n, s, &frame);
    }
    buf_finish(&frame);
}

static void refuse(struct node *n, struct session *s, enum registry_verdict verdict)
{
    bool is_duplicate = verdict == REGISTRY_IS_DUPLICATE;

    node_stat_add(sessions_of_user, verdict == REGISTRY_TOO_MANY_OF_USER);
    node_stat_add(sessions_of_key, verdict == REGISTRY_TOO_MANY_OF_KEY);
    s->registered = false;
    session_close(n, s, is_duplicate ? CLOSE_REPLACED : CLOSE_TOO_MANY_SESSIONS);
}

static void close_revoked(struct node *n, struct session *s, const char *reason)
{
    node_stat_add(revoked, 1);
    session_close_with(
        n, s, CLOSE_TOKEN_REVOKED, *reason ? reason : close_reason_text(CLOSE_TOKEN_REVOKED));
}

void session_after_open(struct node *n, struct session *s, const struct registry_opened *opened)
{
    if (s->state == SESSION_CLOSING) {
        presence_close(n, s); /* it ended while the registry was asked: what that wrote must go */
        return;
    }
    if (opened->verdict == REGISTRY_REVOKED) {
        s->registered = false;
        close_revoked(n, s, opened->reason);
        return;
    }
    if (opened->verdict != REGISTRY_OPENED) {
        refuse(n, s, opened->verdict);
        return;
    }
    if (take_place(s, opened) != ERR_OK) {
        session_close(n, s, CLOSE_RESYNC);
        return;
    }
    s->fetching = false;
    s->state = SESSION_REPLAYING;
    session_start_rings(n, s);
    announce_opened(n, s);
    for (size_t i = 0; i < opened->duplicate_count; i++) {
        settle_duplicate(n, &opened->duplicates[i]);
    }
    greet(n, s, opened);
    if (s->state == SESSION_CLOSING) {
        return; /* its connection was gone already */
    }
    attendance_begin(n, s);
    session_take_memberships(n, s, &opened->memberships);
    session_replay_page(n, s, &opened->page);
    session_topics_catch_up(n, s);
    if (s->checks) {
        session_check(n, s);
    }
}

void session_check(struct node *n, struct session *s)
{
    s->checks = s->state == SESSION_OPENING || s->refreshing;
    if (!s->checks && s->state != SESSION_CLOSING) {
        presence_refresh(n, s);
    }
}

/* The inbox ends before what the session had been given when it was asked: Redis lost entries, and
 * what it stores next may have ids that the session takes for old ones. */
static bool has_lost_entries(
    const struct registry_refreshed *refreshed, struct message_id watermark)
{
    return !message_id_is_zero(refreshed->position) &&
           message_id_compare(refreshed->position, watermark) < 0;
}

void session_after_refresh(struct node *n, struct session *s,
    const struct registry_refreshed *refreshed, struct message_id watermark)
{
    if (s->state == SESSION_OPENING || s->state == SESSION_CLOSING) {
        return;
    }
    if (refreshed->revoked) {
        close_revoked(n, s, refreshed->reason);
        return;
    }
    if (refreshed->dismissal.code) {
        session_close_with(n, s, refreshed->dismissal.code, refreshed->dismissal.reason);
        return;
    }
    if (refreshed->replaced) {
        session_close(n, s, CLOSE_REPLACED);
        return;
    }
    node_stat_add(refreshes, 1);
    if (refreshed->memberships_version > session_memberships_version(s)) {
        presence_fetch_memberships(n, s);
    }
    if (has_lost_entries(refreshed, watermark)) {
        session_close(n, s, CLOSE_RESYNC);
        return;
    }
    bool behind = message_id_compare(refreshed->position, s->watermark) > 0;
    if (behind) {
        session_want(s, refreshed->position);
    }
    if (behind || s->state == SESSION_REPLAYING) {
        session_fetch(n, s);
    }
}
