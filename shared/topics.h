/*
 * Groups at the grain of nodes: which nodes have members of a topic, a page, a serverClient, or any
 * sessions at all. Commands as data, and the decoding of their replies; nothing here talks to
 * Redis, and what sends messages to them is in message_send.h. Scripts: lua/topic_*.lua.
 * Conventions as in registry.h.
 *
 * What a node has written is "boot address until": until when it counts if the node does not write
 * it again. Each write of a node to a group has a later `until` than those before, so that what
 * is removed is never something newer than what was meant.
 */
#ifndef SHARED_TOPICS_H
#define SHARED_TOPICS_H

#include "shared/command.h"
#include "shared/dismissal.h"
#include "shared/id.h"
#include "shared/inbox.h"
#include "shared/registry_entry.h"

struct redisReply;

/*
 * A node in a group is a registry_entry without a session: only addr, node_id, boot and until_ms
 * are used. So whatever is done with nodes of sessions can be done with these.
 */

/* The node has members, or still has. The reply is where the topic's log ends ({0,0}: there is
 * none, or the group is no topic), and the last order to end the group's sessions. */
void topics_join_command(struct command *c, const char *prefix, const char *group,
    const struct registry_entry *node, int64_t ttl_ms);
struct topics_joined {
    struct message_id position;
    struct dismissal_order order;
};
enum err topics_join_decode(const struct redisReply *reply, struct topics_joined *out) MUST_CHECK;
/* It has none any more, or has gone: removes what it wrote, unless its `until` is later. */
void topics_leave_command(
    struct command *c, const char *prefix, const char *group, const struct registry_entry *node);

/* All of a group: HGETALL. *out is the caller's: free(); those past `until` are left out. */
void topics_nodes_command(struct command *c, const char *prefix, const char *group);
enum err topics_nodes_decode(const struct redisReply *reply, int64_t now_wall_ms,
    struct registry_entry **out, size_t *count) MUST_CHECK;

/* The backend orders the end of the sessions that a page, a serverClient or all have. */
void topics_dismiss_command(
    struct command *c, const char *prefix, const char *group, const struct dismissal *how);
/* When that was, and as topics_nodes_decode(). */
enum err topics_dismiss_decode(const struct redisReply *reply, int64_t now_wall_ms, int64_t *at_ms,
    struct registry_entry **out, size_t *count) MUST_CHECK;

/* What one session is to see of a topic's log; its strings are borrowed. */
struct topics_fetch {
    const char *topic;
    bool from_now; /* else after this: */
    struct message_id after;
    struct inbox_limits limits;
    const char *session_id; /* messages may except it */
    int64_t touch_ms;       /* as of inbox_fetch */
};
void topics_fetch_command(struct command *c, const char *prefix, const struct topics_fetch *f);
struct topics_fetched {
    bool recovered;          /* false: messages after that place may be missing */
    struct message_id start; /* where the page begins */
    struct inbox_page page;
};
/* The caller finishes the page (inbox_page_finish) after ERR_OK. */
enum err topics_fetch_decode(const struct redisReply *reply, struct topics_fetched *out) MUST_CHECK;

/* For WAIT: a write to the log, and then whether its entry is (still) there: XRANGE. */
void topics_touch_command(struct command *c, const char *prefix, const char *topic, int64_t ttl_ms);
void topics_entry_command(
    struct command *c, const char *prefix, const char *topic, struct message_id id);

#endif
