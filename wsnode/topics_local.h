/*
 * The groups (group_name.h) that have members on this node, and what Redis has been told of them:
 * when the first member comes, and when the last one has left, so that senders know which nodes a
 * message for a group concerns. No I/O: presence_topics.c takes what is due and tells it.
 *
 * Why no message for a group is missed: who is a member is told so (by `connected` or `subscribed`)
 * only after the node has been in the group in Redis, for which topics_local_await() waits. A send
 * that begins later finds the node there, and the node looks its members up when the forward comes.
 * It leaves only when no member is left, and one command at a time is under way for each group, so
 * none overtakes another.
 */
#ifndef WSNODE_TOPICS_LOCAL_H
#define WSNODE_TOPICS_LOCAL_H

#include <stdbool.h>

#include "shared/err.h"
#include "wsnode/ring.h"

struct node;
struct topic_local; /* one group */

struct topics_local {
    struct topic_local *by_name; /* uthash; owned */
    struct ring due;             /* Redis is to be told now */
    struct ring retries;         /* and of these, a little later */
    struct ring refreshes;       /* session_ttl / 3 */
    int64_t session_ttl_ms;
    int64_t asking; /* how many are between topics_local_next() and topics_local_after() */
};

/* Somebody who needs a group to be in Redis. on_joined() may free it. */
struct topic_waiter {
    TAILQ_ENTRY(topic_waiter) link;
    struct topic_local *topic; /* NULL: it waits for none */
    void (*on_joined)(struct node *n, struct topic_waiter *w);
};

void topics_local_init(struct topics_local *t, int64_t session_ttl_ms);
void topics_local_finish(struct topics_local *t); /* nobody waits any more */

/* One member more, or less, of what has some. */
enum err topics_local_join(struct topics_local *t, const char *group, int64_t now_ms) MUST_CHECK;
void topics_local_leave(struct topics_local *t, const char *group, int64_t now_ms);
/* How many it has. */
int64_t topics_local_members(const struct topics_local *t, const char *group);
/* true: it is in Redis. Else on_joined() comes, unless that is cancelled before. The group must
 * have a member as long as somebody waits. */
bool topics_local_await(struct topics_local *t, const char *group, struct topic_waiter *w);
void topics_local_cancel(struct topic_waiter *w); /* fine if it waits for none */

/* Redis may have lost what it was told: it is told everything again. */
void topics_local_tell_again(struct topics_local *t, int64_t now_ms);
void topics_local_tell_now(struct topics_local *t, const char *group, int64_t now_ms); /* one */
/* The next one that Redis must be told of; NULL: none now. topics_local_after() must follow. */
struct topic_local *topics_local_next(struct topics_local *t, int64_t now_ms);
const char *topics_local_name(const struct topic_local *topic);
bool topics_local_has_members(const struct topic_local *topic);
/* For what is told now: until when that counts (wall clock). Later at each call. */
int64_t topics_local_until_ms(struct topics_local *t, struct topic_local *topic, int64_t wall_ms);
/* ok: Redis has confirmed it. May free topic. */
void topics_local_after(struct node *n, struct topic_local *topic, bool ok, int64_t now_ms);
/*
 * An order to end a group's sessions (dismissal.h), given at at_ms: true if it is to be carried out
 * here. Each is once, whichever way it comes first, so that it does not end those who came after
 * it; told_by_join: not if the node has just come into the group, with members that it did not
 * mean.
 */
bool topics_local_take_order(
    struct topics_local *t, const char *group, int64_t at_ms, bool told_by_join);
int64_t topics_local_count(const struct topics_local *t);
/* All that have members; fn must not change that. */
void topics_local_each(
    const struct topics_local *t, void (*fn)(const char *group, void *arg), void *arg);
/* What Redis has yet to be told or to confirm, refreshes aside. */
int64_t topics_local_pending(const struct topics_local *t);

#endif
