/*
 * Topics with history at one session: as with the inbox, a watermark per subscription, a fetch of
 * the log where something was missed, so that each message comes once and in order.
 */
#ifndef WSNODE_SESSION_TOPIC_H
#define WSNODE_SESSION_TOPIC_H

#include "shared/topics.h"
#include "wsnode/session.h"

/* The node is in the topic: reads the log after sub->watermark, or from now on, and then tells the
 * client. */
void session_topic_begin(struct node *n, struct subscription *sub);
/* A forward to a topic. DELIVERY_PASSED: the session does not subscribe to it. */
enum delivery_status session_topic_forward(
    struct node *n, struct session *s, const struct session_forward *f);
/* A durable message that excepts the session: it has missed nothing when the next one comes. */
void session_topic_pass(struct session *s, const struct envelope_message *m);
/* The log ends there. */
void session_topic_check(
    struct node *n, struct session *s, const char *topic, struct message_id position);
/* Fetches what had to wait: for the session to open, for its queue to drain, for Redis. */
void session_topics_catch_up(struct node *n, struct session *s);

/* For presence: what is to be fetched for the subscription of this number; false: nothing any more.
 * The strings are borrowed. */
bool session_topic_describe_fetch(
    const struct session *s, const char *topic, uint32_t number, struct topics_fetch *out);
/* NULL: failed; session_topics_catch_up() tries again. */
void session_after_topic_fetch(struct node *n, struct session *s, const char *topic,
    uint32_t number, const struct topics_fetched *fetched);

#endif
