/* Addresses, networks, and who it is behind proxies: what is believed, and what is not. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/client_address.h"

static struct ip_address ip(const char *text)
{
    struct ip_address a;

    assert_int_equal(ip_address_parse(slice_of(text), &a), ERR_OK);
    return a;
}

static void assert_ip(struct ip_address a, const char *text)
{
    struct ip_address expected = ip(text);

    assert_memory_equal(a.bytes, expected.bytes, sizeof(a.bytes));
}

static bool has(const char *list, const char *address)
{
    struct ip_address a = ip(address);
    struct trusted_proxies t;

    assert_int_equal(trusted_proxies_parse(list, &t, NULL), ERR_OK);
    bool result = trusted_proxies_has(&t, &a);
    trusted_proxies_finish(&t);
    return result;
}

static struct ip_address find_in(
    const char *trusted, const char *peer, const struct slice *lists, size_t count)
{
    struct ip_address from = ip(peer);
    struct trusted_proxies t;

    assert_int_equal(trusted_proxies_parse(trusted, &t, NULL), ERR_OK);
    struct ip_address found = client_address_find(&t, &from, lists, count);
    trusted_proxies_finish(&t);
    return found;
}

#define PROXIES "10.0.0.0/8 2001:db8::/32"

static struct ip_address find(const char *peer, const char *list)
{
    struct slice lists[] = {slice_of(list)};

    return find_in(PROXIES, peer, lists, 1);
}

static void addresses_are_read_with_and_without_ports(void **state)
{
    static const char *const bad[] = {"", " ", "unknown", "_hidden", "1.2.3", "1.2.3.4.5",
        "1.2.3.256", "01.2.3.4", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:65536", "[1.2.3.4]", "[::1",
        "[::1]x", "[::1]:", "[::1]:x", "::1]", "fe80::1%eth0", "1.2.3.4/32", " 1.2.3.4",
        "aaaa:bbbb:cccc:dddd:eeee:ffff:1111:2222:3333", "1.2.3.4, 5.6.7.8",
        "[aaaa:bbbb:cccc:dddd:eeee:ffff:255.255.255.255]:655350000"};
    struct ip_address a;

    (void)state;
    assert_ip(ip("1.2.3.4:5678"), "1.2.3.4");
    assert_ip(ip("[2001:db8::1]"), "2001:db8::1");
    assert_ip(ip("[2001:db8::1]:80"), "2001:DB8::1");
    assert_ip(ip("::ffff:1.2.3.4"), "1.2.3.4");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(ip_address_parse(slice_of(bad[i]), &a), ERR_BAD_VALUE);
    }
    assert_int_equal(ip_address_parse((struct slice){"1.2.3.4\0", 8}, &a), ERR_BAD_VALUE);
}

static void peers_are_read_from_sockets(void **state)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x01020304)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr local = {.sa_family = AF_UNIX};
    struct ip_address a;

    (void)state;
    assert_int_equal(ip_address_of((struct sockaddr *)&in, &a), ERR_OK);
    assert_ip(a, "1.2.3.4");
    assert_int_equal(ip_address_of((struct sockaddr *)&in6, &a), ERR_OK);
    assert_ip(a, "::1");
    assert_int_equal(ip_address_of(&local, &a), ERR_BAD_VALUE);
}

static void networks_end_where_their_prefix_does(void **state)
{
    (void)state;
    assert_true(has("10.0.0.0/8", "10.255.255.255"));
    assert_false(has("10.0.0.0/8", "11.0.0.0"));
    assert_true(has("192.168.4.0/22", "192.168.7.255"));
    assert_false(has("192.168.4.0/22", "192.168.8.0"));
    assert_false(has("192.168.4.0/22", "192.168.3.255"));
    assert_true(has("1.2.3.4", "1.2.3.4"));
    assert_false(has("1.2.3.4", "1.2.3.5"));
    assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(has("1.2.3.4  2001:db8::7", "2001:db8::7"));
    assert_true(has("0.0.0.0/0", "1.2.3.4"));
    assert_false(has("0.0.0.0/0", "2001:db8::1"));
    assert_true(has("::/0", "1.2.3.4"));
    assert_true(has("10.0.0.0/8", "::ffff:10.1.1.1"));
    assert_false(has("", "10.0.0.1"));
}

static void lists_that_are_no_networks_are_refused(void **state)
{
    static const char *const bad[] = {"10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "10.0.0.0/x",
        "10.0.0.0/-1", "10.0.0/8", "2001:db8::/129", "2001:db8::1/32", "example.com", "/8",
        "10.0.0.0/8,11.0.0.0/8", "[::1]", "10.0.0.1:80",
        "aaaa:bbbb:cccc:dddd:eeee:ffff:1111:2222:3333:4444:5555:6666/8"};
    struct trusted_proxies t;
    struct problem p;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(trusted_proxies_parse(bad[i], &t, &p), ERR_BAD_VALUE);
        assert_non_null(strstr(p.msg, bad[i]));
    }
    assert_int_equal(trusted_proxies_parse("1.2.3.4 x", &t, NULL), ERR_BAD_VALUE);
}

static void header_of_a_stranger_is_not_believed(void **state)
{
    (void)state;
    assert_ip(find("192.0.2.1", "1.2.3.4"), "192.0.2.1");
    assert_ip(find("192.0.2.1", "10.0.0.1"), "192.0.2.1");
    assert_ip(find_in("", "10.0.0.1", &(struct slice){"1.2.3.4", 7}, 1), "10.0.0.1");
}

static void first_untrusted_hop_from_the_right_is_the_client(void **state)
{
    (void)state;
    assert_ip(find("10.0.0.1", "1.2.3.4"), "1.2.3.4");
    assert_ip(find("10.0.0.1", "6.6.6.6, 1.2.3.4"), "1.2.3.4");
    assert_ip(find("10.0.0.1", "6.6.6.6,1.2.3.4 ,\t10.0.0.2"), "1.2.3.4");
    assert_ip(find("10.0.0.1", "10.6.6.6, 1.2.3.4, 2001:db8::1, 10.0.0.2"), "1.2.3.4");
    assert_ip(find("2001:db8::1", "2001:aaaa::1"), "2001:aaaa::1");
    assert_ip(find("10.0.0.1", "1.2.3.4:5678"), "1.2.3.4");
}

static void without_entries_the_client_is_the_peer(void **state)
{
    (void)state;
    assert_ip(find_in(PROXIES, "10.0.0.1", NULL, 0), "10.0.0.1");
    assert_ip(find("10.0.0.1", ""), "10.0.0.1");
    assert_ip(find("10.0.0.1", " , ,"), "10.0.0.1");
}

static void if_all_hops_are_trusted_the_leftmost_is_the_client(void **state)
{
    (void)state;
    assert_ip(find("10.0.0.1", "10.0.0.4, 10.0.0.3,, 10.0.0.2"), "10.0.0.4");
}

static void walk_ends_at_what_is_no_address(void **state)
{
    (void)state;
    assert_ip(find("10.0.0.1", "unknown"), "10.0.0.1");
    assert_ip(find("10.0.0.1", "1.2.3.4, unknown"), "10.0.0.1");
    assert_ip(find("10.0.0.1", "1.2.3.4, unknown, 10.0.0.3, 10.0.0.2"), "10.0.0.3");
    assert_ip(find("10.0.0.1", "unknown, 1.2.3.4"), "1.2.3.4");
    assert_ip(find("10.0.0.1", "1.2.3.4, unknown, 5.6.7.8, 10.0.0.2"), "5.6.7.8");
}

static void several_headers_are_one_list(void **state)
{
    struct slice lists[] = {
        slice_of("6.6.6.6"), slice_of("1.2.3.4, 10.0.0.3"), slice_of("10.0.0.2")};

    (void)state;
    assert_ip(find_in(PROXIES, "10.0.0.1", lists, 3), "1.2.3.4");
}

static const char *shown(const char *address)
{
    static char text[CLIENT_TEXT_BYTES];
    struct ip_address a = ip(address);

    return client_text(client_number_of(&a), text);
}

static void clients_are_an_ipv4_address_or_an_ipv6_64(void **state)
{
    (void)state;
    assert_string_equal(shown("1.2.3.4"), "1.2.3.4");
    assert_string_equal(shown("255.255.255.255"), "255.255.255.255");
    assert_string_equal(shown("::ffff:1.2.3.4"), "1.2.3.4");
    assert_string_equal(shown("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    assert_string_equal(shown("2001:db8:1:2::"), "2001:db8:1:2::/64");
    assert_string_equal(shown("::1"), "::/64");
    assert_string_equal(
        shown("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "ffff:ffff:ffff:ffff::/64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_with_and_without_ports),
        cmocka_unit_test(peers_are_read_from_sockets),
        cmocka_unit_test(networks_end_where_their_prefix_does),
        cmocka_unit_test(lists_that_are_no_networks_are_refused),
        cmocka_unit_test(header_of_a_stranger_is_not_believed),
        cmocka_unit_test(first_untrusted_hop_from_the_right_is_the_client),
        cmocka_unit_test(without_entries_the_client_is_the_peer),
        cmocka_unit_test(if_all_hops_are_trusted_the_leftmost_is_the_client),
        cmocka_unit_test(walk_ends_at_what_is_no_address),
        cmocka_unit_test(several_headers_are_one_list),
        cmocka_unit_test(clients_are_an_ipv4_address_or_an_ipv6_64),
    };

    return cmocka_run_group_tests_name("client_address", tests, NULL, NULL);
}
