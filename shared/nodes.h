/*
 * The nodes of the cluster: heartbeats and leases. Commands as data, and the table that senders (and nodes with on_duplicate) keep of them.
 * A node counts as alive while its lease is there; an entry counts while the lease carries the entry's boot.
 */
#ifndef SHARED_NODES_H
#define SHARED_NODES_H

#include "shared/command.h"
#include "shared/limits.h"

struct redisReply;

struct node_info {
    char node_id[NODE_ID_BYTES];
    char addr[NODE_ADDR_BYTES];
    char boot[BOOT_ID_BYTES];
    char state[16];   /* "ready" "starting" "draining"; set by the reader to "dead" where the lease is gone or another boot's */
    char version[32];
    int64_t sessions;
    int64_t at_ms;    /* wall clock of the heartbeat */
};

void nodes_encode(const struct node_info *n, struct buf *out);
enum err nodes_decode(struct slice node_id, struct slice json, struct node_info *out) MUST_CHECK;

/* SET … PX ttl GET: takes or renews the lease; the reply is the boot that was there before, or nil. */
void nodes_lease_command(struct command *c, const char *prefix, const char *node_id, const char *boot, int64_t ttl_ms);
void nodes_heartbeat_command(struct command *c, const char *prefix, const struct node_info *n); /* HSET */
/* At the end: both only if they still carry this boot. */
void nodes_release_command(struct command *c, const char *prefix, const char *node_id, const char *boot); /* the lease */
void nodes_leave_command(struct command *c, const char *prefix, const char *node_id, const char *boot);   /* the heartbeat */

/* All nodes: HGETALL, then one GET of the lease per node (they live in other slots). */
void nodes_list_command(struct command *c, const char *prefix);
enum err nodes_list_decode(const struct redisReply *reply, struct node_info **out, size_t *count) MUST_CHECK; /* owned by the caller; undecodable ones are left out */
void nodes_get_lease_command(struct command *c, const char *prefix, const char *node_id);
void nodes_apply_lease(const struct redisReply *reply, struct node_info *n); /* sets state "dead" where it must be */

#endif
