/*
 * Opens a public listening socket. Most options are inherited by the connections accepted on it.
 */
#include "wsnode/public_socket.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/limits.h"
#include "shared/parse.h"

/* Silent connections are not handed out so long: most never become a handshake. */
#define DEFER_ACCEPT_S 3
/* How much of a session's queue the kernel takes beyond what is on its way. */
#define NOT_SENT_LOW_WATER_BYTES 16384

static bool set_options(int fd, const struct config *config)
{
    int64_t silence_ms = config->node_ping_interval_ms + config->node_pong_timeout_ms;
    const struct {
        int level, option, value;
    } options[] = {
        {SOL_SOCKET, SO_REUSEADDR, 1},
        {SOL_SOCKET, SO_REUSEPORT, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {SOL_SOCKET, SO_SNDBUF, (int)config->node_send_buffer_bytes},
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOT_SENT_LOW_WATER_BYTES},
        {IPPROTO_TCP, TCP_DEFER_ACCEPT, DEFER_ACCEPT_S},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, (int)silence_ms},
    };

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (setsockopt(fd, options[i].level, options[i].option, &options[i].value, sizeof(int)) <
            0) {
            return false;
        }
    }
    return true;
}

static enum err resolve(const char *listen_at, struct addrinfo **out, struct problem *p)
{
    const struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    char host[NODE_ADDR_BYTES];
    char port_text[8];
    uint16_t port;

    if (parse_host_port(listen_at, host, sizeof(host), &port)) {
        return problem_set(
            p, ERR_BAD_VALUE, "node.public_listen", "node.public_listen is no ip:port");
    }
    (void)snprintf(port_text, sizeof(port_text), "%u", port);
    int failure = getaddrinfo(host, port_text, &hints, out);
    if (failure) {
        return problem_set(p, ERR_BAD_VALUE, "node.public_listen", "node.public_listen: %s",
            gai_strerror(failure));
    }
    return ERR_OK;
}

enum err public_socket_open(const struct config *config, int *fd, struct problem *p)
{
    struct addrinfo *address = NULL;

    enum err err = resolve(config->node_public_listen, &address, p);
    if (err) {
        return err;
    }
    assert(address); /* getaddrinfo() says so unless it failed */
    int s = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s < 0 || !set_options(s, config) || bind(s, address->ai_addr, address->ai_addrlen) < 0 ||
        listen(s, PUBLIC_BACKLOG) < 0) {
        err = problem_set(p, ERR_INTERNAL, "node.public_listen", "cannot listen on %s: %s",
            config->node_public_listen, strerror(errno));
    }
    freeaddrinfo(address);
    if (err) {
        if (s >= 0) {
            (void)close(s);
        }
        return err;
    }
    *fd = s;
    return ERR_OK;
}
