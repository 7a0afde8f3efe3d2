/* Origins: the lists that are taken, and every kind of look-alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/origin.h"

static bool allowed(const char *list, const char *origin, const char *host)
{
    return origin_is_allowed(list, slice_of(origin), slice_of(host));
}

static void assert_none(const char *list, const char *const *origins, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (allowed(list, origins[i], "app.example.com")) {
            fail_msg("%s lets %s in", list, origins[i]);
        }
    }
}
#define assert_none_of(list, ...)                                                                  \
    do {                                                                                           \
        const char *const origins_[] = {__VA_ARGS__};                                              \
        assert_none(list, origins_, sizeof(origins_) / sizeof(origins_[0]));                       \
    } while (0)

static void exact_origin_is_taken_and_no_look_alike(void **state)
{
    const char *list = "https://app.example.com";

    (void)state;
    assert_true(allowed(list, "https://app.example.com", ""));
    assert_true(allowed(list, "HTTPS://APP.Example.COM", ""));
    assert_true(allowed(list, "https://app.example.com:443", ""));
    assert_none_of(list, "http://app.example.com", "https://app.example.com:8443",
        "https://app.example.com:80", "https://app.example.com.evil.org",
        "https://app.example.com.", "https://evil-app.example.com", "https://example.com",
        "https://xapp.example.com", "https://app.example.comx", "https://app-example.com",
        "https://user@app.example.com", "https://app.example.com@evil.org",
        "https://app.example.com:443@evil.org", "https://app.example.com/", "app.example.com",
        "https:app.example.com", "https:///app.example.com", "https://app.example.com/evil",
        "https://app.example.com#", "https://app.example.com?x", "https://app.example.com\\evil",
        "https://app.example.com%2eevil.org", "https://app.example.com ",
        " https://app.example.com", "https://app.example.com, https://evil.org",
        "https://evil.org https://app.example.com",
        "https://app.example.com:", "https://app.example.com:0", "https://app.example.com:0443x",
        "https://app.example.com:65979", "https://", "", "null", "*");
}

static void port_of_an_entry_must_be_the_origins(void **state)
{
    const char *list = "https://app.example.com:8443 http://dev:80";

    (void)state;
    assert_true(allowed(list, "https://app.example.com:8443", ""));
    assert_true(allowed(list, "http://dev", ""));
    assert_none_of(list, "https://app.example.com", "https://app.example.com:443",
        "https://app.example.com:84430", "http://dev:443", "https://dev");
}

static void wildcard_takes_what_is_below_and_nothing_else(void **state)
{
    const char *list = "https://*.example.com";

    (void)state;
    assert_true(allowed(list, "https://a.example.com", ""));
    assert_true(allowed(list, "https://a.b.example.com", ""));
    assert_true(allowed(list, "https://A.EXAMPLE.com:443", ""));
    assert_none_of(list, "https://example.com", "https://.example.com", "https://evil-example.com",
        "https://evilexample.com", "https://a.example.com.evil.org", "https://a.example.com.",
        "http://a.example.com", "https://a.example.com:8443", "https://*.example.com",
        "https://evil.org/.example.com", "https://evil.org@a.example.com");
    assert_true(allowed("http://*.test:8080", "http://a.test:8080", ""));
    assert_false(allowed("http://*.test:8080", "http://a.test", ""));
}

static void same_host_compares_with_the_host_header(void **state)
{
    const char *list = "same-host";

    (void)state;
    assert_true(allowed(list, "https://example.com", "example.com"));
    assert_true(allowed(list, "https://example.com", "EXAMPLE.com:443"));
    assert_true(allowed(list, "https://example.com:443", "example.com"));
    assert_true(allowed(list, "http://example.com", "example.com:80"));
    assert_true(allowed(list, "http://127.0.0.1:8080", "127.0.0.1:8080"));
    assert_true(allowed(list, "http://[::1]:8080", "[::1]:8080"));
    assert_true(allowed(list, "https://[2001:DB8::1]", "[2001:db8::1]:443"));
    assert_false(allowed(list, "https://example.com", "example.com:80"));
    assert_false(allowed(list, "http://example.com", "example.com:443"));
    assert_false(allowed(list, "http://127.0.0.1:8080", "127.0.0.1:9001"));
    assert_false(allowed(list, "http://[::1]:8080", "::1:8080"));
    assert_false(allowed(list, "https://example.com", "example.com.evil.org"));
    assert_false(allowed(list, "https://example.com", "example.com."));
    assert_false(allowed(list, "https://example.com", "user@example.com"));
    assert_false(allowed(list, "https://example.com", ""));
    assert_false(allowed(list, "ftp://example.com", "example.com"));
    assert_false(allowed(list, "chrome-extension://example.com", "example.com"));
    assert_false(allowed(list, "null", "null"));
}

static void ipv6_hosts_need_their_brackets(void **state)
{
    const char *list = "http://[2001:db8::1] http://[::1]:8080";

    (void)state;
    assert_true(allowed(list, "http://[2001:db8::1]", ""));
    assert_true(allowed(list, "http://[2001:DB8::1]:80", ""));
    assert_true(allowed(list, "http://[::1]:8080", ""));
    assert_none_of(list, "http://2001:db8::1", "http://[2001:db8::1", "http://[2001:db8::1]8080",
        "http://[2001:db8::1].evil.org", "http://[2001:db8::1%eth0]", "http://[]", "http://[::1]");
}

static void null_needs_an_entry_of_its_own(void **state)
{
    (void)state;
    assert_false(allowed("*", "null", "null"));
    assert_false(allowed("same-host https://null", "null", "null"));
    assert_true(allowed("https://a.org null", "null", ""));
    assert_false(allowed("null", "NULL", ""));
    assert_false(allowed("null", "https://null", ""));
}

static void star_takes_every_origin_that_is_one(void **state)
{
    (void)state;
    assert_true(allowed("*", "https://evil.org", "example.com"));
    assert_true(allowed("*", "chrome-extension://abcdef", ""));
    assert_none_of("*", "", "evil.org", "https://", "javascript:alert(1)");
}

static void other_schemes_have_no_port_of_their_own(void **state)
{
    (void)state;
    assert_true(allowed("capacitor://localhost", "capacitor://localhost", ""));
    assert_false(allowed("capacitor://localhost", "capacitor://localhost:80", ""));
    assert_false(allowed("capacitor://localhost", "ionic://localhost", ""));
}

static void any_entry_of_a_list_will_do(void **state)
{
    const char *list = " https://a.org   same-host\thttps://*.b.org ";

    (void)state;
    assert_true(allowed(list, "https://a.org", "c.org"));
    assert_true(allowed(list, "https://x.b.org", "c.org"));
    assert_true(allowed(list, "https://c.org", "c.org"));
    assert_false(allowed(list, "https://d.org", "c.org"));
}

static void lists_are_checked_entry_by_entry(void **state)
{
    static const char *const bad[] = {"", " ", "app.example.com", "https://", "https://*",
        "https://*.", "https://a.*.org", "https://*a.org", "https://a.org/", "https://a.org:99999",
        "https://*.[::1]", "*://a.org", "**", "Null", "self", "https://u@a.org", "://*.a.org",
        "https:/*.a.org"};
    struct slice entry;

    (void)state;
    assert_int_equal(
        origin_list_check("https://a.org http://*.b.org:8080 same-host null *", &entry), ERR_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(origin_list_check(bad[i], &entry), ERR_BAD_VALUE);
    }
    assert_int_equal(origin_list_check("https://a.org b.org https://c.org", &entry), ERR_BAD_VALUE);
    assert_true(slice_equal(entry, "b.org"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_origin_is_taken_and_no_look_alike),
        cmocka_unit_test(port_of_an_entry_must_be_the_origins),
        cmocka_unit_test(wildcard_takes_what_is_below_and_nothing_else),
        cmocka_unit_test(same_host_compares_with_the_host_header),
        cmocka_unit_test(ipv6_hosts_need_their_brackets),
        cmocka_unit_test(null_needs_an_entry_of_its_own),
        cmocka_unit_test(star_takes_every_origin_that_is_one),
        cmocka_unit_test(other_schemes_have_no_port_of_their_own),
        cmocka_unit_test(any_entry_of_a_list_will_do),
        cmocka_unit_test(lists_are_checked_entry_by_entry),
    };

    return cmocka_run_group_tests_name("origin", tests, NULL, NULL);
}
