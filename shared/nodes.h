/*
 * The nodes of the cluster: heartbeats and leases. Commands as data, and the table that senders
 * (and nodes with on_duplicate) keep of them. A node counts as alive while its lease is there; an
 * entry counts while the lease carries the entry's boot. Conventions as in registry.h.
 *
 * A heartbeat is JSON:
 *   {"node":"…","addr":"…","boot":"…","state":"ready","version":"0.1.0","sessions":12,"at":<ms>}
 *
 * addr, there and in registry entries, is ip:port, or https://ip:port where the node's internal
 * listener speaks TLS: so each node tells by itself, and they can change one after another.
 */
#ifndef SHARED_NODES_H
#define SHARED_NODES_H

#include "shared/command.h"
#include "shared/limits.h"

#define NODES_TLS_SCHEME "https://"

struct redisReply;

struct node_info {
    char node_id[NODE_ID_BYTES];
    char addr[NODE_ADDR_BYTES];
    char boot[BOOT_ID_BYTES];
    /* "ready" "starting" "draining"; "dead" where the lease is gone or another boot's */
    char state[16];
    char version[32];
    int64_t sessions;
    int64_t at_ms; /* wall clock of the heartbeat */
};

void nodes_encode(const struct node_info *n, struct buf *out); /* errors stick to out */
/* What json.h says of a member that is missing or does not fit. */
enum err nodes_decode(struct slice node_id, struct slice json, struct node_info *out) MUST_CHECK;

/* SET … PX ttl GET: takes or renews the lease; the reply is the boot that was there before, or nil.
 */
void nodes_lease_command(
    struct command *c, const char *prefix, const char *node_id, const char *boot, int64_t ttl_ms);
void nodes_heartbeat_command(
    struct command *c, const char *prefix, const struct node_info *n); /* HSET */

/*
 * Writes what nobody reads, to see whether it can be written. Each number is another key, so in a
 * cluster some number leads to each master.
 */
void nodes_probe_command(struct command *c, const char *prefix, int64_t number, int64_t ttl_ms);

/* At the end: both only if they still carry this boot. The reply is 1 or 0. */
void nodes_release_command(
    struct command *c, const char *prefix, const char *node_id, const char *boot); /* lease */
void nodes_leave_command(
    struct command *c, const char *prefix, const char *node_id, const char *boot); /* heartbeat */

/* All nodes: HGETALL, then one GET of the lease per node (they live in other slots). */
void nodes_list_command(struct command *c, const char *prefix);
/* *out is the caller's: free(). Nodes that do not decode are left out. */
enum err nodes_list_decode(
    const struct redisReply *reply, struct node_info **out, size_t *count) MUST_CHECK;
void nodes_get_lease_command(struct command *c, const char *prefix, const char *node_id);
/* Sets state "dead" unless the reply is this boot. */
void nodes_apply_lease(const struct redisReply *reply, struct node_info *n);

#endif
