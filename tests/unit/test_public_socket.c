/* The listening sockets for browsers: what connections inherit, and what is told when there is
 * none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/redis_server.h"
#include "wsnode/public_socket.h"

static struct config config_for(const char *listen_at)
{
    return (struct config){.node_public_listen = listen_at,
        .node_ping_interval_ms = 25000,
        .node_pong_timeout_ms = 10000,
        .node_send_buffer_bytes = 65536};
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in6 address;
    socklen_t len = sizeof(address);

    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin6_port); /* at the same place for both families */
}

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(fd, level, option, &value, &len), 0);
    return value;
}

static int connect_to_port(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static int accept_when_there(int fd)
{
    struct timeval patience = {.tv_sec = 5};
    fd_set set;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    assert_int_equal(select(fd + 1, &set, NULL, NULL, &patience), 1);
    return accept(fd, NULL, NULL);
}

static void connections_are_watched_and_not_delayed(void **state)
{
    struct config config = config_for("127.0.0.1:0");
    int fd;

    (void)state;
    assert_int_equal(public_socket_open(&config, &fd, NULL), ERR_OK);
    int peer = connect_to_port(port_of(fd));
    assert_int_equal(write(peer, "G", 1), 1); /* silent ones are not handed out */
    int taken = accept_when_there(fd);
    assert_true(option_of(taken, SOL_SOCKET, SO_KEEPALIVE));
    assert_true(option_of(taken, IPPROTO_TCP, TCP_NODELAY));
    assert_int_equal(option_of(taken, IPPROTO_TCP, TCP_USER_TIMEOUT), 35000);
    assert_int_equal(option_of(taken, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 16384);
    assert_int_equal(option_of(taken, SOL_SOCKET, SO_SNDBUF), 2 * 65536); /* socket(7): doubled */
    close(taken);
    close(peer);
    close(fd);
}

static void workers_share_a_port(void **state)
{
    char listen_at[32];
    int first, second;

    (void)state;
    snprintf(listen_at, sizeof(listen_at), "127.0.0.1:%u", free_port());
    struct config config = config_for(listen_at);
    assert_int_equal(public_socket_open(&config, &first, NULL), ERR_OK);
    assert_int_equal(public_socket_open(&config, &second, NULL), ERR_OK);
    assert_int_equal(port_of(first), port_of(second));
    close(first);
    close(second);
}

static void ipv6_is_an_address_too(void **state)
{
    struct config config = config_for("[::1]:0");
    int fd;

    (void)state;
    assert_int_equal(public_socket_open(&config, &fd, NULL), ERR_OK);
    assert_int_not_equal(port_of(fd), 0);
    close(fd);
}

static void assert_refused(const char *listen_at, enum err expected, const char *why)
{
    struct config config = config_for(listen_at);
    struct problem p = {0};
    int fd = -1;

    assert_int_equal(public_socket_open(&config, &fd, &p), expected);
    assert_int_equal(fd, -1);
    assert_string_equal(p.field, "node.public_listen");
    assert_non_null(strstr(p.msg, why));
}

static void wrong_place_is_told(void **state)
{
    (void)state;
    assert_refused("", ERR_BAD_VALUE, "no ip:port");
    assert_refused("localhost:9001", ERR_BAD_VALUE, "no ip:port");
    assert_refused("127.0.0.1:65536", ERR_BAD_VALUE, "no ip:port");
    assert_refused("192.0.2.1:9001", ERR_INTERNAL, "192.0.2.1:9001"); /* of no interface here */
}

static void port_of_somebody_else_is_told(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int other = socket(AF_INET, SOCK_STREAM, 0);
    char listen_at[32];

    (void)state;
    assert_int_equal(bind(other, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(other, 1), 0);
    snprintf(listen_at, sizeof(listen_at), "127.0.0.1:%u", port_of(other));
    assert_refused(listen_at, ERR_INTERNAL, "Address already in use");
    close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_watched_and_not_delayed),
        cmocka_unit_test(workers_share_a_port),
        cmocka_unit_test(ipv6_is_an_address_too),
        cmocka_unit_test(wrong_place_is_told),
        cmocka_unit_test(port_of_somebody_else_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
