/*
 * Tells Redis which groups have members here, through a window: many may come at once.
 */
#include <stdio.h>
#include <stdlib.h>

#include "shared/clock.h"
#include "shared/topics.h"
#include "wsnode/group_close.h"
#include "wsnode/presence_state.h"
#include "wsnode/session_topic.h"

/* What awaits the answer. */
struct telling {
    struct topic_local *topic; /* borrowed: it stays until it is told */
    int64_t sent_ms;
};

struct place {
    struct node *node;
    const char *topic;
    struct message_id position;
};

static void check_member(struct session *s, void *arg)
{
    const struct place *place = arg;

    session_topic_check(place->node, s, place->topic, place->position);
}

/* Where the topic's log ends: its members see by that whether they missed something. */
static void check_members(struct node *n, const char *topic, struct message_id position)
{
    struct place place = {.node = n, .topic = topic, .position = position};

    if (!message_id_is_zero(position)) {
        topic_table_each(&n->topic_table, topic, check_member, &place);
    }
}

static void after_join(struct node *n, const char *group, const struct topics_joined *joined)
{
    const struct dismissal_order *order = &joined->order;

    /* One that the sender could not bring: others may have come since. */
    if (topics_local_take_order(&n->topics, group, order->at_ms, true)) {
        (void)group_close(n, group, &order->how, order->at_ms);
    }
    check_members(n, group, joined->position);
}

static void after_telling(struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct presence *p = n->presence;
    struct telling telling = *(struct telling *)arg;
    int64_t now_ms = clock_mono_ms();
    struct topics_joined joined;
    char name[GROUP_NAME_BYTES];

    free(arg);
    p->pending--;
    window_answered(&p->tellings, now_ms - telling.sent_ms, n->config->redis_command_timeout_ms);
    (void)snprintf(name, sizeof(name), "%s", topics_local_name(telling.topic));
    topics_local_after(n, telling.topic, err == ERR_OK, now_ms);
    if (!err && topics_join_decode(reply, &joined) == ERR_OK) {
        after_join(n, name, &joined);
    }
    presence_send_topics(n, now_ms);
    presence_send_waiting(n, now_ms);
}

static enum err say(struct node *n, struct topic_local *topic, struct telling *telling)
{
    struct registry_entry self;
    const char *name = topics_local_name(topic);
    struct command c;

    presence_describe_node(n, &self);
    command_init(&c);
    self.until_ms = topics_local_until_ms(&n->topics, topic, clock_wall_ms());
    if (topics_local_has_members(topic)) {
        topics_join_command(
            &c, n->config->redis_prefix, name, &self, n->config->registry_session_ttl_ms);
    } else {
        topics_leave_command(&c, n->config->redis_prefix, name, &self);
    }
    return presence_run(n, &c, after_telling, telling);
}

static void tell(struct node *n, struct topic_local *topic, int64_t now_ms)
{
    struct telling *telling = malloc(sizeof(*telling));

    if (telling) {
        *telling = (struct telling){topic, now_ms};
    }
    if (!telling || say(n, topic, telling)) {
        free(telling);
        topics_local_after(n, topic, false, now_ms);
        return;
    }
    window_sent(&n->presence->tellings);
}

void presence_send_topics(struct node *n, int64_t now_ms)
{
    struct presence *p = n->presence;
    struct topic_local *topic;

    while (window_is_open(&p->tellings) && redis_async_is_ready(n->redis) &&
           (topic = topics_local_next(&n->topics, now_ms))) {
        tell(n, topic, now_ms);
    }
}

void presence_topics_changed(struct node *n)
{
    presence_send_topics(n, clock_mono_ms());
}
