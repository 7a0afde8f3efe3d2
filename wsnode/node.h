/*
 * One wsnode worker: one process, one loop, one node of the cluster. Everything that a worker has
 * hangs on struct node; there are no other globals. This header includes no library's, so that what
 * only needs the tables links into unit tests.
 */
#ifndef WSNODE_NODE_H
#define WSNODE_NODE_H

#include <sys/types.h>

#include "shared/config.h"
#include "shared/err.h"
#include "wsnode/client_counts.h"
#include "wsnode/ring.h"
#include "wsnode/session_table.h"
#include "wsnode/stats.h"
#include "wsnode/topic_table.h"
#include "wsnode/turns.h"
#include "wsnode/wheel.h"

struct node {
    const struct config *config; /* borrowed from main */
    char id[NODE_ID_BYTES];
    char boot[BOOT_ID_BYTES];
    char addr[NODE_ADDR_BYTES]; /* what senders are told: shared/nodes.h */
    struct tls *tls;            /* borrowed from node_run()'s caller */
    pid_t supervisor_pid;       /* told of POST /drain */
    bool draining;              /* not ready, on the way to its end: node_stop.c */
    bool refusing;              /* and handshakes that are not finished get 503 */
    int64_t now_ms; /* monotonic, as of the last event that told it: for rings, good to a tick */
    int64_t wall_offset_ms; /* wall clock less monotonic clock, as of the last tick */
    bool was_ready;         /* the log has it */

    /* Sessions, and when which of them is due for what. */
    struct session_table table;
    struct client_counts clients;
    struct ring openings;  /* registry_wait: the registry has not answered yet */
    struct ring pings;     /* ping_interval: last sign of life */
    struct ring pongs;     /* pong_timeout: pinged, no answer yet */
    struct ring refreshes; /* min(session_ttl / 3, resync_interval) */
    struct ring slow;      /* slow_timeout: the queue is full */
    struct ring idles;     /* idle_timeout: last message; struct session_limits */
    struct wheel expiries; /* when tokens end */
    /* Entries last refreshed before this (monotonic) are refreshed early, at registry.refresh_rate.
     */
    int64_t register_again_before_ms;
    struct topics_local topics;
    struct topic_table topic_table; /* subscriptions */
    struct turn_tasks turns;        /* owned */

    struct admission *admission;         /* owned: admission.c; NULL: everybody may connect */
    struct deliveries *deliveries;       /* owned: deliver.c */
    struct presence *presence;           /* owned: presence.c */
    struct heartbeat *heartbeat;         /* owned: heartbeat.c */
    struct announce *announce;           /* owned: announce.c; NULL: nobody is to be told */
    struct attendance *attendance;       /* owned: attendance.c; NULL: nobody wants it */
    struct upstream *upstream;           /* owned: upstream.c; NULL: upstream.to = none */
    struct redis_async *redis;           /* owned */
    struct acceptor *acceptor;           /* owned */
    struct admission_hook *hook;         /* owned; NULL unless node.auth = hook */
    struct wires *wires;                 /* owned; NULL: no TLS for the public */
    struct ws_protocol *ws;              /* owned */
    struct internal_http *internal_http; /* owned */
    struct loop *loop;                   /* owned: libuv and libwebsockets */
    struct node_stop *stop;              /* owned; NULL until the node is told to stop */
};

/* Since 1970, as good as now_ms. */
static inline int64_t node_wall_ms(const struct node *n)
{
    return n->now_ms + n->wall_offset_ms;
}

/* What the unit tests need: boot, tables and rings, from the configuration. The rest stays empty.
 */
enum err node_init_tables(struct node *n, const struct config *config) MUST_CHECK;
void node_finish_tables(struct node *n); /* sessions must be gone */

/*
 * Fills in id and addr of a node whose internal listener is on this port. ERR_BAD_VALUE: the
 * configuration names no address that senders could use.
 */
enum err node_set_address(struct node *n, uint16_t internal_port, struct problem *p) MUST_CHECK;

/*
 * node_run.c: a worker's whole life. tls is borrowed; number: 0-based worker; listen_fd: its public
 * socket (owned by the call); supervisor_pid: its parent. Returns the exit status.
 */
int node_run(
    const struct config *config, struct tls *tls, int number, int listen_fd, pid_t supervisor_pid);
/* Called on each tick (50 ms), with the monotonic clock: rings, waits, presence. */
void node_on_tick(struct node *n, int64_t now_ms);
/* Called at each turn of the loop while there is something to go on with. */
void node_on_turn(struct node *n, int64_t now_ms);
/* Called at the end of each turn, before the loop may sleep. */
void node_on_turn_end(struct node *n);

#endif
