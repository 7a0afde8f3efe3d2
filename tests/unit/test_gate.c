/* What is asked of a handshake besides its form, at the edge of each limit. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wsnode/gate.h"

static struct config config;
static struct node node;
static struct gate gate;

static int start(void **state)
{
    (void)state;
    config = (struct config){.node_origins = "same-host",
        .node_trusted_proxies = "10.0.0.0/8",
        .node_url_max_bytes = 100,
        .node_allow_missing_origin = true};
    return node_init_tables(&node, &config);
}

static int stop(void **state)
{
    (void)state;
    gate_finish(&gate);
    node_finish_tables(&node);
    return 0;
}

static struct session_handshake handshake(const char *forwarded_for)
{
    struct session_handshake h = {.address = {"pc", "home", "u1"},
        .source = {.host = slice_of("example.com"), .url_bytes = 100}};

    if (forwarded_for) {
        h.source.forwarded_for[h.source.forwarded_count++] = slice_of(forwarded_for);
    }
    return h;
}

static enum err check_from(const char *peer, struct session_handshake *h)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct problem p;

    assert_int_equal(inet_pton(AF_INET, peer, &in.sin_addr), 1);
    return gate_check(&gate, (struct sockaddr *)&in, h, &p);
}

static enum err check_origin(const char *origin)
{
    struct session_handshake h = handshake(NULL);

    h.source.origin = origin ? slice_of(origin) : (struct slice){NULL, 0};
    return check_from("192.0.2.1", &h);
}

static void begin(void)
{
    assert_int_equal(gate_init(&gate, &node, 1000), ERR_OK);
}

static void other_origins_are_refused(void **state)
{
    (void)state;
    begin();
    assert_int_equal(check_origin("https://example.com"), ERR_OK);
    assert_int_equal(check_origin("https://evil.org"), ERR_ORIGIN_REFUSED);
    assert_int_equal(check_origin("null"), ERR_ORIGIN_REFUSED);
    assert_int_equal(check_origin(""), ERR_ORIGIN_REFUSED);
}

static void missing_origin_passes_only_where_that_is_configured(void **state)
{
    (void)state;
    begin();
    assert_int_equal(check_origin(NULL), ERR_OK);
    config.node_allow_missing_origin = false;
    assert_int_equal(check_origin(NULL), ERR_ORIGIN_REFUSED);
    config.node_origins = "*";
    assert_int_equal(check_origin(NULL), ERR_ORIGIN_REFUSED);
    assert_int_equal(check_origin("https://evil.org"), ERR_OK);
}

static void url_may_be_as_long_as_configured(void **state)
{
    struct session_handshake h = handshake(NULL);

    (void)state;
    begin();
    assert_int_equal(check_from("192.0.2.1", &h), ERR_OK);
    h.source.url_bytes++;
    assert_int_equal(check_from("192.0.2.1", &h), ERR_URI_TOO_LONG);
}

static void client_is_the_peer_or_what_a_trusted_one_says(void **state)
{
    struct session_handshake h = handshake("1.2.3.4");
    char text[CLIENT_TEXT_BYTES];

    (void)state;
    begin();
    assert_int_equal(check_from("192.0.2.1", &h), ERR_OK);
    assert_true(h.has_client);
    assert_string_equal(client_text(h.client, text), "192.0.2.1");
    assert_int_equal(check_from("10.0.0.1", &h), ERR_OK);
    assert_string_equal(client_text(h.client, text), "1.2.3.4");
}

static void address_with_all_its_sessions_gets_no_more(void **state)
{
    struct session_handshake h = handshake("1.2.3.4");
    struct session_handshake other = handshake("1.2.3.5");

    (void)state;
    begin();
    client_counts_init(&node.clients, 1);
    assert_int_equal(check_from("10.0.0.1", &h), ERR_OK);
    client_counts_add(&node.clients, h.client);
    assert_int_equal(check_from("10.0.0.1", &h), ERR_ADDRESS_FULL);
    assert_int_equal(check_from("10.0.0.1", &other), ERR_OK);
    client_counts_remove(&node.clients, h.client);
    assert_int_equal(check_from("10.0.0.1", &h), ERR_OK);
}

static void rates_count_by_client_and_by_user(void **state)
{
    struct session_handshake h = handshake("1.2.3.4");
    struct problem p;

    (void)state;
    config.node_connect_rate_per_address = 1;
    config.node_connect_rate_per_user = 2;
    begin();
    assert_int_equal(check_from("10.0.0.1", &h), ERR_OK);
    assert_int_equal(gate_count(&gate, &h, 1000, &p), ERR_OK);
    assert_int_equal(gate_count(&gate, &h, 1000, &p), ERR_ADDRESS_LIMITED);
    h = handshake("1.2.3.5");
    assert_int_equal(check_from("10.0.0.1", &h), ERR_OK);
    assert_int_equal(gate_count(&gate, &h, 1000, &p), ERR_OK);
    assert_int_equal(gate_count_user(&gate, &h, 1000, &p), ERR_OK);
    assert_int_equal(gate_count_user(&gate, &h, 1000, &p), ERR_OK);
    assert_int_equal(gate_count_user(&gate, &h, 1000, &p), ERR_USER_LIMITED);
    assert_int_equal(p.err, ERR_USER_LIMITED);
}

static void unknown_peer_is_not_limited_by_address(void **state)
{
    struct session_handshake h = handshake("1.2.3.4");
    const struct sockaddr local = {.sa_family = AF_UNIX};
    struct problem p;

    (void)state;
    config.node_connect_rate_per_address = 1;
    begin();
    assert_int_equal(gate_check(&gate, &local, &h, &p), ERR_OK);
    assert_false(h.has_client);
    assert_int_equal(gate_check(&gate, NULL, &h, &p), ERR_OK);
    assert_false(h.has_client);
    assert_int_equal(gate_count(&gate, &h, 1000, &p), ERR_OK);
    assert_int_equal(gate_count(&gate, &h, 1000, &p), ERR_OK);
}

#define test(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(other_origins_are_refused),
        test(missing_origin_passes_only_where_that_is_configured),
        test(url_may_be_as_long_as_configured),
        test(client_is_the_peer_or_what_a_trusted_one_says),
        test(address_with_all_its_sessions_gets_no_more),
        test(rates_count_by_client_and_by_user),
        test(unknown_peer_is_not_limited_by_address),
    };

    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
