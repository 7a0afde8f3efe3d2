/*
 * What a node calls itself and where senders reach it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wsnode/node.h"

static struct config config_of(const char *listen_at, const char *advertise, const char *name)
{
    return (struct config){.node_internal_listen = listen_at,
        .node_internal_tls_cert = "",
        .node_internal_advertise = advertise,
        .node_name = name,
        .registry_session_ttl_ms = 90000,
        .inbox_resync_interval_ms = 45000};
}

static void assert_address(struct config config, const char *addr, const char *id)
{
    struct node n;
    struct problem p;

    assert_int_equal(node_init_tables(&n, &config), ERR_OK);
    assert_int_equal(node_set_address(&n, 31883, &p), ERR_OK);
    assert_string_equal(n.addr, addr);
    assert_string_equal(n.id, id);
    node_finish_tables(&n);
}

static void node_is_named_after_host_and_internal_port(void **state)
{
    (void)state;
    assert_address(config_of("127.0.0.1:31882", "", "a"), "127.0.0.1:31883", "a-31883");
    assert_address(config_of("0.0.0.0:31882", "10.0.0.5", "a"), "10.0.0.5:31883", "a-31883");
    assert_address(config_of("[::1]:31882", "", "a"), "[::1]:31883", "a-31883");
}

static void address_says_that_the_listener_speaks_tls(void **state)
{
    struct config v4 = config_of("127.0.0.1:31882", "", "a");
    struct config v6 = config_of("[::1]:31882", "fd00::5", "a");

    (void)state;
    v4.node_internal_tls_cert = v6.node_internal_tls_cert = "/some/file";
    assert_address(v4, "https://127.0.0.1:31883", "a-31883");
    assert_address(v6, "https://[fd00::5]:31883", "a-31883");
}

static void assert_no_address(struct config config, const char *field)
{
    struct node n;
    struct problem p;

    assert_int_equal(node_init_tables(&n, &config), ERR_OK);
    assert_int_equal(node_set_address(&n, 31882, &p), ERR_BAD_VALUE);
    assert_string_equal(p.field, field);
    node_finish_tables(&n);
}

static void address_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    assert_no_address(config_of("nonsense", "", "a"), "node.internal_listen");
}

static void name_that_does_not_fit_is_refused(void **state)
{
    char name[NODE_ID_BYTES + 1];

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_no_address(config_of("127.0.0.1:31882", "", name), "node.name");
}

static void sessions_are_refreshed_by_the_shorter_interval(void **state)
{
    struct config config = config_of("127.0.0.1:31882", "", "a");
    struct node n;

    (void)state;
    assert_int_equal(node_init_tables(&n, &config), ERR_OK);
    assert_int_equal(n.refreshes.interval_ms, 30000);
    node_finish_tables(&n);
    config.inbox_resync_interval_ms = 10000;
    assert_int_equal(node_init_tables(&n, &config), ERR_OK);
    assert_int_equal(n.refreshes.interval_ms, 10000);
    node_finish_tables(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_is_named_after_host_and_internal_port),
        cmocka_unit_test(address_says_that_the_listener_speaks_tls),
        cmocka_unit_test(address_that_makes_no_sense_is_refused),
        cmocka_unit_test(name_that_does_not_fit_is_refused),
        cmocka_unit_test(sessions_are_refreshed_by_the_shorter_interval),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
