/*
 * One line per rule. What auth_keys_parse() says of send.api_keys is not repeated here.
 */
#include "shared/option_check.h"

#include <arpa/inet.h>
#include <string.h>

#include "shared/parse.h"
#include "shared/redis_url.h"

#define SECRET_CHARS_MIN 16

static bool redis_url_is_known(const struct config *c)
{
    struct redis_url url;

    return redis_url_parse(c->redis_url, &url, NULL) == ERR_OK;
}

static bool retry_grows(const struct config *c)
{
    return c->redis_retry_min_ms <= c->redis_retry_max_ms;
}

static bool lease_outlasts_a_command(const struct config *c)
{
    return c->registry_node_lease_ms >= c->redis_command_timeout_ms;
}

static bool secret_is_long(const struct config *c)
{
    return strlen(c->cluster_secret) >= SECRET_CHARS_MIN;
}

static bool is_address(const char *text)
{
    char host[INET6_ADDRSTRLEN];
    uint16_t port;

    return parse_host_port(text, host, sizeof(host), &port) == ERR_OK;
}

static bool public_listen_is_address(const struct config *c)
{
    return is_address(c->node_public_listen);
}

static bool internal_listen_is_address(const struct config *c)
{
    return is_address(c->node_internal_listen);
}

static bool advertise_is_ip(const struct config *c)
{
    const char *ip = c->node_internal_advertise;
    unsigned char address[sizeof(struct in6_addr)];

    return !*ip || inet_pton(AF_INET, ip, address) == 1 || inet_pton(AF_INET6, ip, address) == 1;
}

static bool unread_text_has_one_number(const struct config *c)
{
    const char *percent = strchr(c->node_unread_text, '%');

    return percent && percent[1] == 'd' && !strchr(percent + 1, '%');
}

static bool send_listen_is_known(const struct config *c)
{
    static const char scheme[] = "unix:";
    const char *listen = c->send_listen;

    if (strncmp(listen, scheme, strlen(scheme)) == 0) {
        return listen[strlen(scheme)] != '\0';
    }
    return !*listen || is_address(listen);
}

static bool a_thread_never_waits(const struct config *c)
{
    return c->send_max_waits < c->send_threads;
}

#define IP_PORT "must be ip:port, such as 127.0.0.1:9001 or [::1]:9001"

static const struct option_rule rules[] = {
    {OPTION_redis_url, redis_url_is_known,
        "must be redis://[user:password@]ip[:port][/db], unix:///path/to.sock[?db=n&password=…], "
        "sentinel://[user:password@]ip[:port],…/master[/db] or "
        "cluster://[user:password@]ip[:port],…"},
    {OPTION_redis_retry_min, retry_grows, "must be at most redis.retry_max"},
    {OPTION_registry_node_lease, lease_outlasts_a_command,
        "must be at least redis.command_timeout, or one slow answer makes a node count as dead"},
    {OPTION_cluster_secret, secret_is_long, "must have at least 16 characters"},
    {OPTION_node_public_listen, public_listen_is_address, IP_PORT},
    {OPTION_node_internal_listen, internal_listen_is_address, IP_PORT},
    {OPTION_node_internal_advertise, advertise_is_ip, "must be empty or a numeric ip"},
    {OPTION_node_unread_text, unread_text_has_one_number, "must have one %d and no other %"},
    {OPTION_send_listen, send_listen_is_known, "must be empty, ip:port or unix:/path"},
    {OPTION_send_max_waits, a_thread_never_waits, "must be less than send.threads"},
};

const struct option_rule *option_broken_rule(const struct config *c, enum program program)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if ((options[rules[i].option].programs & program) && !rules[i].holds(c)) {
            return &rules[i];
        }
    }
    return NULL;
}
