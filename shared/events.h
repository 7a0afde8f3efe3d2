/*
 * Session events: the stream P + "events", and what has been told so far. Each script tells an
 * event and notes that it did in one step, so that each is told once, in the order of what
 * happened, whoever calls it and however often. docs/upstream.md says what consumers find.
 *
 * What was told is its own truth, apart from the registry: sessions by node and boot, which is how
 * those of a dead node are found, and per user how many there are. It all lies in the stream's slot
 * of a Redis Cluster. Conventions as in registry.h.
 */
#ifndef SHARED_EVENTS_H
#define SHARED_EVENTS_H

#include "shared/command.h"
#include "shared/id.h"

struct redisReply;

struct events_rules {
    const char *prefix; /* redis.prefix */
    int64_t stream_max; /* events.stream_max; 0: events.to = none, and nothing stands in it */
    int64_t offline_delay_ms;
    int64_t news_max; /* presence.news_max; this and the next one are for attendance.h */
    int64_t grace_ms;
};

struct events_node {
    char node_id[NODE_ID_BYTES];
    char boot[BOOT_ID_BYTES];
};

/* opened, and online if it is the user's first; nothing if it was told already. */
void events_open_command(struct command *c, const struct events_rules *r,
    const struct events_node *n, const char *session_id, const char *key);

/* Who ended it: the node, the node for a newer session, the client, or nobody (the connection
 * broke). */
enum events_end { EVENTS_CLOSED, EVENTS_REPLACED, EVENTS_LEFT, EVENTS_BROKEN };
/* closed or replaced, unless that, or lost, was told already. code: of the close frame; 0: there
 * was none. */
void events_close_command(struct command *c, const struct events_rules *r,
    const struct events_node *n, const char *session_id, enum events_end end, int code);

/* lost, for at most so many sessions of a dead node; and out of so many groups. The reply is how
 * many that were together; 0: that were all. */
void events_lost_command(
    struct command *c, const struct events_rules *r, const struct events_node *n, int64_t count);
/* offline, for at most so many users. The reply is how many. */
void events_offline_command(struct command *c, const struct events_rules *r, int64_t count);

/* How a script begins that tells of groups, too: for attendance.c. more_keys: that follow. */
void events_start_with_groups(
    struct command *c, const struct script *script, int more_keys, const struct events_rules *r);
void events_add_group_rules(struct command *c, const struct events_rules *r);

/* Takes the watch for a while: SET NX PX. The reply is nil if another node has it. */
void events_watch_command(
    struct command *c, const struct events_rules *r, const char *node_id, int64_t ttl_ms);
/* SMEMBERS: nodes whose sessions have been told of, dead or alive. */
void events_nodes_command(struct command *c, const struct events_rules *r);
/* *out is the caller's: free(). What is no node is left out. */
enum err events_nodes_decode(
    const struct redisReply *reply, struct events_node **out, size_t *count) MUST_CHECK;

/*
 * Takes or keeps the office of bringing events to the backend, notes that it has those up to
 * brought ("": nothing new), and asks for the next ones.
 */
void events_bring_command(struct command *c, const struct events_rules *r,
    const struct events_node *n, int64_t ttl_ms, const char *brought, int64_t count);
struct events_batch {
    bool is_ours; /* the office */
    size_t count;
    char last_id[MESSAGE_ID_BYTES]; /* if count > 0 */
};
/* Adds {"type":"events","events":[…]} to out, whose errors stick to it; *batch says what it is. */
enum err events_bring_decode(
    const struct redisReply *reply, struct buf *out, struct events_batch *batch) MUST_CHECK;

#endif
