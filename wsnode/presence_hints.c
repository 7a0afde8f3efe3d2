/*
 * Hints between nodes, sent and received.
 */
#include <string.h>

#include "shared/clock.h"
#include "wsnode/presence.h"
#include "wsnode/redis_async.h"

static bool hint_is_for_user(enum hint hint)
{
    return hint == HINT_RESYNC || hint == HINT_CLOSE;
}

void presence_hint(struct node *n, const struct registry_entry *to, enum hint hint)
{
    struct command c;

    command_init(&c);
    hint_command(&c, n->config->redis_prefix, to->node_id, hint,
        hint_is_for_user(hint) ? to->address.user_id : to->session_id);
    /* A hint that cannot be sent is one that did not arrive. */
    enum err err = redis_async_run(n->redis, &c, NULL, NULL);
    (void)err;
    command_finish(&c);
}

static void resync_one(struct session *s, void *arg)
{
    session_resync(arg, s);
}

/* What was ordered is found by a refresh. */
static void check_one(struct session *s, void *arg)
{
    session_check(arg, s);
}

static void fetch_memberships(struct session *s, void *arg)
{
    presence_fetch_memberships(arg, s);
}

static void tell_session(struct node *n, const char *session_id, enum hint hint)
{
    struct session *s = session_table_find(&n->table, session_id);

    if (!s) {
        return;
    }
    if (hint == HINT_REPLACED) {
        session_close(n, s, CLOSE_REPLACED);
    } else {
        session_notify_duplicate(n, s);
    }
}

void presence_on_hint(struct node *n, struct slice message)
{
    char subject[GROUP_NAME_BYTES];
    struct slice text;
    enum hint hint;

    if (hint_decode(message, &hint, &text) || text.len >= sizeof(subject)) {
        return; /* of a newer version, or somebody's redis-cli */
    }
    memcpy(subject, text.at, text.len);
    subject[text.len] = '\0';
    node_stat_add(hints, 1);
    switch (hint) {
    case HINT_RESYNC:
        session_table_each_of_user(&n->table, subject, resync_one, n);
        return;
    case HINT_CLOSE:
        session_table_each_of_user(&n->table, subject, check_one, n);
        return;
    case HINT_TOPICS:
        session_table_each_of_user(&n->table, subject, fetch_memberships, n);
        return;
    case HINT_GROUP:
        /* The answer says where the topic's log ends, and what was ordered. */
        topics_local_tell_now(&n->topics, subject, clock_mono_ms());
        presence_topics_changed(n);
        return;
    case HINT_NOTIFY:
    case HINT_REPLACED:
        tell_session(n, subject, hint);
        return;
    }
}
