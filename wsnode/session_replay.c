/*
 * What is in the inbox after the watermark, page by page: after connecting, and whenever something
 * was missed. The next page is asked for when the outbox has drained, so a slow reader never costs
 * more memory than its queue may hold.
 */
#include <stdlib.h>

#include "wsnode/deliver.h"
#include "wsnode/presence.h"
#include "wsnode/session_internal.h"
#include "wsnode/session_limits.h"

void session_want(struct session *s, struct message_id id)
{
    if (message_id_compare(id, s->wanted) > 0) {
        s->wanted = id;
    }
}

void session_fetch(struct node *n, struct session *s)
{
    s->state = SESSION_REPLAYING;
    if (s->fetching || !outbox_is_empty(&s->outbox)) {
        return; /* what is awaited leads back to here */
    }
    /* What was heard of until now is in the inbox, so this fetch finds it. */
    s->wanted = (struct message_id){0, 0};
    s->fetching = true;
    presence_fetch(n, s);
}

void session_resync(struct node *n, struct session *s)
{
    if (s->state == SESSION_CLOSING) {
        return;
    }
    if (s->fetching) {
        /* The answer may be older than this. */
        session_want(s, (struct message_id){UINT64_MAX, UINT64_MAX});
        return;
    }
    session_fetch(n, s);
}

static enum delivery_status show_entry(
    struct node *n, struct session *s, const struct inbox_entry *entry)
{
    struct format_message message = {.id = entry->id, .payload = entry->payload, .replay = true};
    struct payload *payload = session_encode(s, &message);

    if (!payload) {
        session_close(n, s, CLOSE_RESYNC);
        return DELIVERY_GONE;
    }
    session_limits_on_message(n, s);
    enum delivery_status status = session_write(n, s, payload, entry->id, 0);
    payload_unref(payload);
    return status;
}

static void go_live(struct node *n, struct session *s)
{
    s->state = SESSION_LIVE;
    free(s->replay);
    s->replay = NULL;
    session_take_early_ack(n, s);
    session_release_held(n, s);
}

/* Entries that are not for the session, or not any more. */
static void pass_over(struct node *n, struct session *s, const struct inbox_page *page)
{
    if (message_id_compare(page->skipped, s->passed) > 0) {
        s->passed = page->skipped;
    }
    deliver_on_page(n, s, page);
    s->excepted = s->excepted || page->excepted;
}

void session_replay_page(struct node *n, struct session *s, const struct inbox_page *page)
{
    pass_over(n, s, page);
    for (size_t i = 0; i < page->count; i++) {
        enum delivery_status status = show_entry(n, s, &page->entries[i]);
        if (status != DELIVERY_WRITTEN && status != DELIVERY_QUEUED) {
            s->expects = true;
            return; /* full: the drained outbox fetches the rest; or the session has ended */
        }
        s->watermark = page->entries[i].id;
        node_stat_add(messages_replayed, 1);
    }
    if (s->state == SESSION_CLOSING) {
        return;
    }
    if (message_id_compare(page->last, s->watermark) > 0) {
        s->watermark = page->last;
    }
    bool wants_more = message_id_compare(s->wanted, s->watermark) > 0;
    s->expects = page->more || (s->expects && wants_more);
    if (page->more || wants_more) {
        session_fetch(n, s);
    } else {
        go_live(n, s);
    }
}

void session_after_fetch(struct node *n, struct session *s, const struct inbox_fetched *fetched)
{
    if (s->state != SESSION_REPLAYING || !s->fetching) {
        return;
    }
    s->fetching = false;
    if (!fetched) {
        session_release_held(n, s); /* the inbox may be away for long; this need not wait for it */
        return;
    }
    if (fetched->gap) {
        session_close(n, s, CLOSE_RESYNC);
        return;
    }
    session_replay_page(n, s, &fetched->page);
}
