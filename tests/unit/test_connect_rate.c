/* Rates of handshakes at their edges: in all, per address, and with more addresses than fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wsnode/connect_rate.h"

#define START_MS 5000

static struct connect_rate rate;

static int stop(void **state)
{
    (void)state;
    connect_rate_finish(&rate);
    assert_null(rate.clients.entries);
    assert_int_equal(rate.clients.idle.count, 0);
    assert_null(rate.users.entries);
    return 0;
}

static void start(int64_t per_second, int64_t per_second_and_address)
{
    connect_rate_init(
        &rate, &(struct connect_rates){per_second, per_second_and_address, 0}, START_MS);
}

static enum err take_from(const char *text, int64_t now_ms)
{
    struct ip_address address;

    assert_int_equal(ip_address_parse(slice_of(text), &address), ERR_OK);
    client_number client = client_number_of(&address);
    return connect_rate_take(&rate, &client, START_MS + now_ms);
}

static enum err take_user(const char *user_id, int64_t now_ms)
{
    return connect_rate_take_user(&rate, user_id, START_MS + now_ms);
}

static enum err take(int64_t now_ms)
{
    return connect_rate_take(&rate, NULL, START_MS + now_ms);
}

/* How many pass at that time. */
static int burst(const char *text, int64_t now_ms)
{
    int count = 0;

    while (count < 100000 && (text ? take_from(text, now_ms) : take(now_ms)) == ERR_OK) {
        count++;
    }
    return count;
}

static void without_limits_all_pass(void **state)
{
    (void)state;
    start(0, 0);
    assert_int_equal(burst(NULL, 0), 100000);
    assert_int_equal(burst("10.0.0.1", 0), 100000);
    assert_int_equal(rate.clients.idle.count, 0);
}

static void burst_of_a_second_passes_and_not_one_more(void **state)
{
    static const int64_t rates[] = {1, 3, 7, 1000, 31623, 99999};

    (void)state;
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        start(rates[i], 0);
        assert_int_equal(burst(NULL, 0), rates[i]);
        assert_int_equal(take(0), ERR_CONNECTS_LIMITED);
    }
}

static void credit_comes_back_with_time_and_is_bounded(void **state)
{
    (void)state;
    start(10, 0);
    assert_int_equal(burst(NULL, 0), 10);
    assert_int_equal(take(99), ERR_CONNECTS_LIMITED);
    assert_int_equal(take(100), ERR_OK);
    assert_int_equal(take(100), ERR_CONNECTS_LIMITED);
    assert_int_equal(burst(NULL, 600), 5);
    assert_int_equal(burst(NULL, 1599), 9);
    assert_int_equal(burst(NULL, 1600), 1);
    assert_int_equal(burst(NULL, 999999), 10);
}

static void refused_handshakes_cost_nothing(void **state)
{
    (void)state;
    start(1, 0);
    assert_int_equal(take(0), ERR_OK);
    for (int64_t ms = 0; ms < 1000; ms++) {
        assert_int_equal(take(ms), ERR_CONNECTS_LIMITED);
    }
    assert_int_equal(take(1000), ERR_OK);
}

static void each_address_has_a_limit_of_its_own(void **state)
{
    (void)state;
    start(0, 3);
    assert_int_equal(burst("10.0.0.1", 0), 3);
    assert_int_equal(take_from("10.0.0.1", 0), ERR_ADDRESS_LIMITED);
    assert_int_equal(burst("10.0.0.2", 0), 3);
    assert_int_equal(take_from("10.0.0.1", 333), ERR_ADDRESS_LIMITED);
    assert_int_equal(take_from("10.0.0.1", 334), ERR_OK);
    assert_int_equal(burst("10.0.0.2", 5000), 3);
}

static void ipv6_is_limited_by_64_bits_and_mapped_ipv4_as_ipv4(void **state)
{
    (void)state;
    start(0, 2);
    assert_int_equal(take_from("2001:db8:0:1::1", 0), ERR_OK);
    assert_int_equal(take_from("2001:db8:0:1:ffff::2", 0), ERR_OK);
    assert_int_equal(take_from("2001:db8:0:1::3", 0), ERR_ADDRESS_LIMITED);
    assert_int_equal(take_from("2001:db8:0:2::1", 0), ERR_OK);
    assert_int_equal(take_from("10.0.0.1", 0), ERR_OK);
    assert_int_equal(take_from("::ffff:10.0.0.1", 0), ERR_OK);
    assert_int_equal(take_from("10.0.0.1", 0), ERR_ADDRESS_LIMITED);
    assert_int_equal(take_from("::ffff:10.0.0.2", 0), ERR_OK);
}

static void limited_address_leaves_the_others_their_share(void **state)
{
    (void)state;
    start(4, 2);
    assert_int_equal(burst("10.0.0.1", 0), 2);
    assert_int_equal(take_from("10.0.0.1", 0), ERR_ADDRESS_LIMITED);
    assert_int_equal(burst("10.0.0.2", 0), 2);
    assert_int_equal(take_from("10.0.0.3", 0), ERR_CONNECTS_LIMITED);
    /* That refusal took nothing of the address' own. */
    assert_int_equal(burst("10.0.0.3", 1000), 2);
}

static void unknown_peer_is_limited_with_all_only(void **state)
{
    (void)state;
    start(2, 1);
    assert_int_equal(take(0), ERR_OK);
    assert_int_equal(take(0), ERR_OK);
    assert_int_equal(take(0), ERR_CONNECTS_LIMITED);
}

static void each_user_has_a_limit_of_its_own(void **state)
{
    (void)state;
    connect_rate_init(&rate, &(struct connect_rates){.per_second_and_user = 2}, START_MS);
    assert_int_equal(take_user("alice", 0), ERR_OK);
    assert_int_equal(take_user("alice", 0), ERR_OK);
    assert_int_equal(take_user("alice", 0), ERR_USER_LIMITED);
    assert_int_equal(take_user("alic", 0), ERR_OK);
    assert_int_equal(take_user("alice", 499), ERR_USER_LIMITED);
    assert_int_equal(take_user("alice", 500), ERR_OK);
    assert_int_equal(take_user("alice", 500), ERR_USER_LIMITED);
    assert_int_equal(burst("10.0.0.1", 0), 100000);
}

static void addresses_are_forgotten_once_their_bucket_is_full(void **state)
{
    (void)state;
    start(0, 1);
    assert_int_equal(take_from("10.0.0.1", 0), ERR_OK);
    assert_int_equal(take_from("10.0.0.2", 500), ERR_OK);
    assert_int_equal(take_from("10.0.0.3", 999), ERR_OK);
    assert_int_equal(rate.clients.idle.count, 3);
    assert_int_equal(take_from("10.0.0.3", 1000), ERR_ADDRESS_LIMITED);
    assert_int_equal(rate.clients.idle.count, 2);
    assert_int_equal(take_from("10.0.0.1", 1001), ERR_OK);
    assert_int_equal(take_from("10.0.0.1", 2001), ERR_OK);
    assert_int_equal(rate.clients.idle.count, 1);
}

static void number_of_addresses_is_bounded(void **state)
{
    (void)state;
    start(0, 1);
    for (client_number i = 0; i <= RATE_TABLE_KEYS_MAX; i++) {
        client_number client = 0x0a000000 + i;
        assert_int_equal(connect_rate_take(&rate, &client, START_MS), ERR_OK);
    }
    assert_int_equal(rate.clients.idle.count, RATE_TABLE_KEYS_MAX);
    assert_int_equal(take_from("10.0.0.1", 0), ERR_ADDRESS_LIMITED);
    assert_int_equal(take_from("10.0.0.0", 0), ERR_OK); /* the first one was forgotten */
}

#define test(name) cmocka_unit_test_teardown(name, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(without_limits_all_pass),
        test(burst_of_a_second_passes_and_not_one_more),
        test(credit_comes_back_with_time_and_is_bounded),
        test(refused_handshakes_cost_nothing),
        test(each_address_has_a_limit_of_its_own),
        test(ipv6_is_limited_by_64_bits_and_mapped_ipv4_as_ipv4),
        test(limited_address_leaves_the_others_their_share),
        test(unknown_peer_is_limited_with_all_only),
        test(each_user_has_a_limit_of_its_own),
        test(addresses_are_forgotten_once_their_bucket_is_full),
        test(number_of_addresses_is_bounded),
    };

    return cmocka_run_group_tests_name("connect_rate", tests, NULL, NULL);
}
