/*
 * One line per rule: what a program could not start with, or could not work with, is refused here,
 * so that --check-config says of it what a start says.
 */
#include "shared/option_check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "shared/client_address.h"
#include "shared/limits.h"
#include "shared/option_check_tls.h"
#include "shared/option_check_topics.h"
#include "shared/option_rule.h"
#include "shared/origin.h"
#include "shared/parse.h"
#include "shared/privileges.h"
#include "shared/redis_url.h"

#define SECRET_CHARS_MIN 16
/* What goes before a message in a forward: the ids of some 2,600 sessions. */
#define FORWARD_HEAD_BYTES 65536
/* RFC 1035 2.3 */
#define HOST_NAME_CHARS_MAX 253
/* Tokens of any provider fit. */
#define HOOK_SECRET_CHARS_MAX 512
#define HOST_NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"

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

static bool also_is_long(const struct config *c)
{
    return !*c->cluster_secret_also || strlen(c->cluster_secret_also) >= SECRET_CHARS_MIN;
}

static bool is_identity(const char *text)
{
    struct identity ignored;

    return !*text || identity_find(text, "", &ignored, NULL) == ERR_OK;
}

static bool node_user_is_known(const struct config *c)
{
    return is_identity(c->node_user);
}

static bool send_user_is_known(const struct config *c)
{
    return is_identity(c->send_user);
}

static bool listen_owner_is_known(const struct config *c)
{
    return is_identity(c->send_listen_owner);
}

static bool listen_mode_is_octal(const struct config *c)
{
    uint64_t ignored;

    return parse_octal(slice_of(c->send_listen_mode), 0777, &ignored) == ERR_OK;
}

struct endpoint {
    char host[INET6_ADDRSTRLEN];
    uint16_t port;
};

static bool parse_endpoint(const char *text, struct endpoint *out)
{
    return parse_host_port(text, out->host, sizeof(out->host), &out->port) == ERR_OK;
}

static bool is_address(const char *text)
{
    struct endpoint ignored;

    return parse_endpoint(text, &ignored);
}

static bool is_wildcard(const char *ip)
{
    struct in_addr v4;
    struct in6_addr v6;

    return (inet_pton(AF_INET, ip, &v4) == 1 && v4.s_addr == htonl(INADDR_ANY)) ||
           (inet_pton(AF_INET6, ip, &v6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&v6));
}

static bool is_ip(const char *text)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

/* The braces of the user's id are the hash tag; earlier ones would be taken for it. */
static bool prefix_has_no_brace(const struct config *c)
{
    return !strpbrk(c->redis_prefix, "{}");
}

static bool name_leaves_room_for_the_port(const struct config *c)
{
    return strlen(c->node_name) <= NODE_ID_BYTES - sizeof("-65535");
}

static bool public_listen_is_address(const struct config *c)
{
    return is_address(c->node_public_listen);
}

static bool internal_listen_is_address(const struct config *c)
{
    return is_address(c->node_internal_listen);
}

static bool every_worker_has_a_port(const struct config *c)
{
    struct endpoint first;

    return parse_endpoint(c->node_internal_listen, &first) &&
           first.port + config_worker_count(c) - 1 <= UINT16_MAX;
}

static bool advertise_is_ip(const struct config *c)
{
    const char *ip = c->node_internal_advertise;

    return !*ip || (is_ip(ip) && !is_wildcard(ip));
}

static bool senders_know_an_ip(const struct config *c)
{
    struct endpoint first;

    return *c->node_internal_advertise ||
           (parse_endpoint(c->node_internal_listen, &first) && !is_wildcard(first.host));
}

static bool origins_are_known(const struct config *c)
{
    struct slice ignored;

    return origin_list_check(c->node_origins, &ignored) == ERR_OK;
}

static bool proxies_are_networks(const struct config *c)
{
    struct trusted_proxies t;

    if (trusted_proxies_parse(c->node_trusted_proxies, &t, NULL)) {
        return false;
    }
    trusted_proxies_finish(&t);
    return true;
}

/* Without user and password, as --print-config shows it. */
static bool is_http_url(const char *text)
{
    if (strncmp(text, "http://", strlen("http://")) != 0 &&
        strncmp(text, "https://", strlen("https://")) != 0) {
        return false;
    }
    const char *host = strchr(text, '/') + strlen("//");
    return !memchr(host, '@', strcspn(host, "/?#"));
}

static bool hook_url_is_one(const struct config *c)
{
    return is_http_url(c->hook_url) || (!*c->hook_url && c->node_auth != NODE_AUTH_HOOK);
}

/* What a request is made of, or what we add ourselves, is not for clients to write. */
static bool hook_headers_are_the_clients(const struct config *c)
{
    static const char *const ours[] = {"host", "connection", "upgrade", "content-length",
        "transfer-encoding", "te", "trailer", "expect", "content-type", "x-socketsend-secret"};
    const char *at = c->hook_headers;

    while (*(at += strspn(at, " "))) {
        size_t len = strcspn(at, " ");

        for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
            if (len == strlen(ours[i]) && strncasecmp(at, ours[i], len) == 0) {
                return false;
            }
        }
        at += len;
    }
    return true;
}

static bool head_takes_the_url(const struct config *c)
{
    return c->node_url_max_bytes <= c->node_head_max_bytes;
}

static bool rate_takes_the_largest_message(const struct config *c)
{
    return c->node_byte_rate_bytes == 0 || c->node_byte_rate_bytes >= c->node_message_max_bytes;
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
        size_t len = strlen(listen + strlen(scheme));

        return len > 0 && len < sizeof((struct sockaddr_un){0}.sun_path);
    }
    return !*listen || is_address(listen);
}

static bool a_thread_never_waits(const struct config *c)
{
    return c->send_max_waits < c->send_threads;
}

static bool a_forward_takes_the_largest_message(const struct config *c)
{
    return c->send_message_max_bytes <= c->node_forward_max_bytes - FORWARD_HEAD_BYTES;
}

static bool tls_name_is_host_name(const struct config *c)
{
    const char *name = c->send_tls_name;

    return strspn(name, HOST_NAME_CHARS) == strlen(name) && strlen(name) <= HOST_NAME_CHARS_MAX &&
           !is_ip(name);
}

static bool upstream_url_is_one(const struct config *c)
{
    bool is_needed = c->upstream_to == UPSTREAM_TO_HOOK || c->events_to == EVENTS_TO_HOOK;

    return is_http_url(c->upstream_hook_url) || (!*c->upstream_hook_url && !is_needed);
}

/* A header's value: RFC 9110 5.5. */
static bool fits_a_header(const char *secret)
{
    for (const char *at = secret; *at; at++) {
        if (*at < '!' || *at > '~') {
            return false;
        }
    }
    return strlen(secret) <= HOOK_SECRET_CHARS_MAX;
}

static bool hook_secret_fits(const struct config *c)
{
    return fits_a_header(c->hook_secret);
}

static bool upstream_secret_fits(const struct config *c)
{
    return fits_a_header(c->upstream_hook_secret);
}

#define HEADER_SECRET "must be empty or at most 512 visible ASCII characters"
#define USER "must be user or user:group, both of this host"
#define IP_PORT "must be ip:port, such as 127.0.0.1:9001 or [::1]:9001"

static const struct option_rule rules[] = {
    {OPTION_redis_url, redis_url_is_known,
        "must be redis://[user:password@]ip[:port][/db], unix:///path/to.sock[?db=n&password=…], "
        "sentinel://[user:password@]ip[:port],…/master[/db] or "
        "cluster://[user:password@]ip[:port],…"},
    {OPTION_redis_retry_min, retry_grows, "must be at most redis.retry_max"},
    {OPTION_redis_prefix, prefix_has_no_brace, "must have no { and no }"},
    {OPTION_registry_node_lease, lease_outlasts_a_command,
        "must be at least redis.command_timeout, or one slow answer makes a node count as dead"},
    {OPTION_cluster_secret, secret_is_long, "must have at least 16 characters"},
    {OPTION_cluster_secret_also, also_is_long, "must be empty or have at least 16 characters"},
    {OPTION_node_user, node_user_is_known, USER},
    {OPTION_node_name, name_leaves_room_for_the_port, "must have at most 122 bytes"},
    {OPTION_node_public_listen, public_listen_is_address, IP_PORT},
    {OPTION_node_internal_listen, internal_listen_is_address, IP_PORT},
    {OPTION_node_internal_listen, every_worker_has_a_port,
        "must leave a port to every worker: port + workers - 1 is at most 65535"},
    {OPTION_node_internal_listen, senders_know_an_ip,
        "must not be a wildcard, unless node.internal_advertise says which ip senders use"},
    {OPTION_node_internal_advertise, advertise_is_ip,
        "must be empty or a numeric ip, and no wildcard"},
    {OPTION_node_tls_key, option_check_tls_public_key_goes_with_cert,
        "must be set together with node.tls_cert"},
    {OPTION_node_internal_tls_key, option_check_tls_internal_key_goes_with_cert,
        "must be set together with node.internal_tls_cert"},
    {OPTION_node_internal_tls_client_ca, option_check_tls_internal_ca_goes_with_cert,
        "must be empty, unless node.internal_tls_cert is set"},
    {OPTION_node_origins, origins_are_known,
        "must have entries such as https://app.example.com, https://*.example.com, same-host, null "
        "or *, separated by spaces"},
    {OPTION_node_trusted_proxies, proxies_are_networks,
        "must have networks such as 10.0.0.0/8 or 2001:db8::/32, separated by spaces"},
    {OPTION_node_url_max, head_takes_the_url, "must be at most node.head_max"},
    {OPTION_node_byte_rate, rate_takes_the_largest_message,
        "must be 0 or at least node.message_max, or the largest messages never pass"},
    {OPTION_node_unread_text, unread_text_has_one_number, "must have one %d and no other %"},
    {OPTION_hook_url, hook_url_is_one,
        "must be http://… or https://…, without user and password; it is needed with node.auth = "
        "hook"},
    {OPTION_hook_headers, hook_headers_are_the_clients,
        "must not have Host, Connection, Upgrade, Content-…, Transfer-Encoding, TE, Trailer, "
        "Expect or X-Socketsend-Secret"},
    {OPTION_topics_history, option_check_topics_kept,
        "must be patterns of topics, separated by spaces, such as news/* chat/**"},
    {OPTION_topics_allow, option_check_topics_allowed,
        "must be patterns of topics, separated by spaces, such as news/* chat/**"},
    {OPTION_presence_topics, option_check_topics_presence,
        "must be patterns of topics, separated by spaces, such as chat/*"},
    {OPTION_presence_pages, option_check_topics_presence_pages,
        "must be patterns of serverClient/page, separated by spaces, such as pc/*"},
    {OPTION_send_listen, send_listen_is_known,
        "must be empty, ip:port or unix:/path, the path of 1 to 107 bytes"},
    {OPTION_send_listen_mode, listen_mode_is_octal, "must be an octal number up to 0777"},
    {OPTION_send_listen_owner, listen_owner_is_known, USER},
    {OPTION_send_user, send_user_is_known, USER},
    {OPTION_send_max_waits, a_thread_never_waits, "must be less than send.threads"},
    {OPTION_send_message_max, a_forward_takes_the_largest_message,
        "must be at most node.forward_max less 64k, or nodes refuse the largest messages"},
    {OPTION_send_tls_key, option_check_tls_sender_key_goes_with_cert,
        "must be set together with send.tls_cert"},
    {OPTION_send_tls_cert, option_check_tls_sender_cert_goes_with_ca,
        "must be empty, unless send.tls_ca is set"},
    {OPTION_send_tls_name, tls_name_is_host_name,
        "must be empty or a host name; an ip needs no name, it is what is looked for without one"},
    {OPTION_send_tls_name, option_check_tls_name_goes_with_ca,
        "must be empty, unless send.tls_ca is set"},
    {OPTION_send_tls_only, option_check_tls_only_goes_with_ca,
        "must be no, unless send.tls_ca is set"},
    {OPTION_upstream_hook_url, upstream_url_is_one,
        "must be http://… or https://…, without user and password; it is needed with upstream.to "
        "or events.to = hook"},
    {OPTION_upstream_hook_secret, upstream_secret_fits, HEADER_SECRET},
    {OPTION_hook_secret, hook_secret_fits, HEADER_SECRET},
};

enum err option_check(
    const struct config *c, enum program program, enum option_index *blamed, struct problem *p)
{
    enum err err =
        option_rules_check(rules, sizeof(rules) / sizeof(rules[0]), c, program, blamed, p);

    if (err) {
        return err;
    }
    return program == PROGRAM_CONSUME ? option_check_consume(c, blamed, p)
                                      : option_check_files(c, program, blamed, p);
}
