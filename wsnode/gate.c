/*
 * The order: what the request itself says, then what others have used up.
 */
#include "wsnode/gate.h"

#include "shared/log.h"
#include "shared/origin.h"

enum err gate_init(struct gate *g, const struct node *n, int64_t now_ms)
{
    const struct config *c = n->config;
    struct connect_rates rates = {.per_second = c->node_connect_rate,
        .per_second_and_address = c->node_connect_rate_per_address,
        .per_second_and_user = c->node_connect_rate_per_user};

    g->node = n;
    connect_rate_init(&g->rate, &rates, now_ms);
    return trusted_proxies_parse(c->node_trusted_proxies, &g->proxies, NULL);
}

void gate_finish(struct gate *g)
{
    connect_rate_finish(&g->rate);
    trusted_proxies_finish(&g->proxies);
}

static void find_client(
    const struct gate *g, const struct sockaddr *peer, struct session_handshake *h)
{
    struct ip_address address;

    h->has_client = peer && ip_address_of(peer, &address) == ERR_OK;
    if (h->has_client) {
        address = client_address_find(
            &g->proxies, &address, h->source.forwarded_for, h->source.forwarded_count);
        h->client = client_number_of(&address);
    }
}

/* The browser's user sees nothing of a refused handshake, so the log must say what to configure. */
static enum err refuse_origin(const struct session_handshake *h, struct problem *p)
{
    const struct handshake_source *from = &h->source;
    char client[CLIENT_TEXT_BYTES];

    log_limited(LOG_INFO, "origin refused", "origin=\"%.*s\" host=\"%.*s\" client=%s",
        (int)from->origin.len, from->origin.at ? from->origin.at : "", (int)from->host.len,
        from->host.at, client_text(h->client, client));
    return problem_set(
        p, ERR_ORIGIN_REFUSED, "Origin", from->origin.at ? NULL : "Origin is missing");
}

static bool comes_from_allowed_page(const struct config *c, const struct handshake_source *from)
{
    if (!from->origin.at) {
        return c->node_allow_missing_origin;
    }
    return origin_is_allowed(c->node_origins, from->origin, from->host);
}

static enum err check_address(
    const struct gate *g, const struct session_handshake *h, struct problem *p)
{
    bool full = h->has_client && client_counts_full(&g->node->clients, h->client);

    return full ? problem_set(p, ERR_ADDRESS_FULL, "", NULL) : ERR_OK;
}

enum err gate_check(
    struct gate *g, const struct sockaddr *peer, struct session_handshake *h, struct problem *p)
{
    const struct config *c = g->node->config;

    find_client(g, peer, h);
    if (h->source.url_bytes > (size_t)c->node_url_max_bytes) {
        return problem_set(p, ERR_URI_TOO_LONG, "", NULL);
    }
    if (!comes_from_allowed_page(c, &h->source)) {
        return refuse_origin(h, p);
    }
    return check_address(g, h, p);
}

enum err gate_count(
    struct gate *g, const struct session_handshake *h, int64_t now_ms, struct problem *p)
{
    enum err err = connect_rate_take(&g->rate, h->has_client ? &h->client : NULL, now_ms);

    return err ? problem_set(p, err, "", NULL) : ERR_OK;
}

enum err gate_count_user(
    struct gate *g, const struct session_handshake *h, int64_t now_ms, struct problem *p)
{
    enum err err = connect_rate_take_user(&g->rate, h->address.user_id, now_ms);

    return err ? problem_set(p, err, "", NULL) : ERR_OK;
}

enum err gate_count_admitted(
    struct gate *g, const struct session_handshake *h, int64_t now_ms, struct problem *p)
{
    enum err err = check_address(g, h, p);

    return err ? err : gate_count_user(g, h, now_ms, p);
}
