#include "tests/unit/fake_presence.h"

#include <stdio.h>

struct fake_presence fake_presence;

void presence_open(struct node *n, struct session *s, const char *last_id)
{
    (void)n;
    fake_presence.opens++;
    snprintf(fake_presence.last_id, sizeof(fake_presence.last_id), "%s", last_id);
    if (fake_presence.on_open) {
        fake_presence.on_open(s, last_id);
    }
}

void presence_refresh(struct node *n, struct session *s)
{
    (void)n;
    (void)s;
    fake_presence.refreshes++;
}

void presence_fetch(struct node *n, struct session *s)
{
    (void)n;
    fake_presence.fetches++;
    fake_presence.fetched_after = s->watermark;
    fake_presence.fetched_filtered = s->replay != NULL;
    if (fake_presence.on_fetch) {
        fake_presence.on_fetch(s);
    }
}

void presence_ack(struct node *n, struct session *s)
{
    (void)n;
    fake_presence.acks++;
    fake_presence.acked = s->acked;
    if (fake_presence.on_ack) {
        fake_presence.on_ack(s);
    }
}

void presence_close(struct node *n, struct session *s)
{
    (void)n;
    (void)s;
    fake_presence.closes++;
}

void presence_fetch_memberships(struct node *n, struct session *s)
{
    (void)n;
    (void)s;
    fake_presence.membership_fetches++;
}

void presence_fetch_topic(struct node *n, const struct subscription *sub)
{
    (void)n;
    fake_presence.topic_fetches++;
    fake_presence.fetched_number = sub->number;
    snprintf(fake_presence.fetched_topic, sizeof(fake_presence.fetched_topic), "%s",
        topic_table_name(sub));
}

void presence_topics_changed(struct node *n)
{
    (void)n;
    fake_presence.topics_changes++;
}

void presence_hint(struct node *n, const struct registry_entry *to, enum hint hint)
{
    (void)n;
    fake_presence.hints++;
    fake_presence.hint = hint;
    snprintf(fake_presence.hinted, sizeof(fake_presence.hinted), "%s", to->session_id);
}
