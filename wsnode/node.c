/*
 * What a node is made of before it runs: its names, its tables, its rings. No I/O.
 */
#include "wsnode/node.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/id.h"
#include "shared/nodes.h"
#include "shared/parse.h"

static int64_t refresh_interval_ms(const struct config *config)
{
    int64_t third_ms = config->registry_session_ttl_ms / 3;
    int64_t resync_ms = config->inbox_resync_interval_ms;

    return third_ms < resync_ms ? third_ms : resync_ms;
}

enum err node_init_tables(struct node *n, const struct config *config)
{
    *n = (struct node){.config = config};
    id_random(n->boot, sizeof(n->boot));
    session_table_init(&n->table);
    client_counts_init(&n->clients, config->node_max_sessions_per_address);
    ring_init(&n->openings, config->node_registry_wait_ms);
    ring_init(&n->pings, config->node_ping_interval_ms);
    ring_init(&n->pongs, config->node_pong_timeout_ms);
    ring_init(&n->refreshes, refresh_interval_ms(config));
    ring_init(&n->slow, config->node_slow_timeout_ms);
    ring_init(&n->idles, config->node_idle_timeout_ms);
    topics_local_init(&n->topics, config->registry_session_ttl_ms);
    wheel_init(&n->expiries, 0);
    STAILQ_INIT(&n->turns);
    return ERR_OK;
}

void node_finish_tables(struct node *n)
{
    session_table_finish(&n->table);
    client_counts_finish(&n->clients);
    topics_local_finish(&n->topics);
}

static enum err set_id(struct node *n, uint16_t port, struct problem *p)
{
    char host_name[NODE_ID_BYTES] = "";
    const char *name = n->config->node_name;

    if (*name == '\0') {
        /* A name that does not fit is cut; POSIX leaves open whether it is then terminated. */
        (void)gethostname(host_name, sizeof(host_name) - 1);
        name = host_name;
    }
    int len = snprintf(n->id, sizeof(n->id), "%s-%u", name, port);
    if (len < 0 || (size_t)len >= sizeof(n->id)) {
        return problem_set(p, ERR_BAD_VALUE, "node.name", "node.name is longer than %zu bytes",
            sizeof(n->id) - sizeof("-65535"));
    }
    return ERR_OK;
}

enum err node_set_address(struct node *n, uint16_t internal_port, struct problem *p)
{
    const struct config *config = n->config;
    char listen_host[NODE_ADDR_BYTES];
    uint16_t listen_port;

    enum err err = parse_host_port(
        config->node_internal_listen, listen_host, sizeof(listen_host), &listen_port);
    if (err) {
        return problem_set(
            p, err, "node.internal_listen", "node.internal_listen is not an ip:port");
    }
    bool advertised = *config->node_internal_advertise != '\0';
    const char *host = advertised ? config->node_internal_advertise : listen_host;
    bool bare_ipv6 = strchr(host, ':') && host[0] != '[';
    const char *scheme = *config->node_internal_tls_cert ? NODES_TLS_SCHEME : "";
    int len = snprintf(n->addr, sizeof(n->addr), "%s%s%s%s:%u", scheme, bare_ipv6 ? "[" : "", host,
        bare_ipv6 ? "]" : "", internal_port);
    if (len < 0 || (size_t)len >= sizeof(n->addr)) {
        return problem_set(p, ERR_BAD_VALUE, "node.internal_advertise",
            "node.internal_advertise is not an ip address");
    }
    return set_id(n, internal_port, p);
}
