/* serverClient, page, userId: alone, as a key, in a path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/address.h"

static enum err check(const char *text, size_t len)
{
    struct problem p = {0};
    enum err err = address_check_part((struct slice){text, len}, "page", &p);

    if (err) {
        assert_string_equal(p.field, "page");
        assert_int_equal(p.err, err);
        assert_true(p.msg[0]);
    }
    return err;
}

static void part_takes_utf8_and_most_signs(void **state)
{
    static const char *const good[] = {"a", "alice@example.com", "J\xc3\xbcrgen",
        "\xe4\xbd\xa0\xe5\xa5\xbd", "\xf0\x9f\x98\x80", "a.b-c_d~e!$&'()+,;=%20", "\"quoted\\\"",
        "\xc2\xa0"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(check(good[i], strlen(good[i])), ERR_OK);
    }
}

static void part_refuses_separators_controls_and_bad_utf8(void **state)
{
    static const char *const bad[] = {"", "a b", "a/b", "a:b", "a{b", "a}b", "a*b", "\x01", "\x1f",
        "\x7f", "\xc2\x80", "\xc2\x9f", "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xc3"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(check(bad[i], strlen(bad[i])), ERR_BAD_ADDRESS);
    }
    assert_int_equal(check("a\0b", 3), ERR_BAD_ADDRESS);
}

static void part_has_1_to_128_bytes(void **state)
{
    char text[129];

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(check(text, 128), ERR_OK);
    assert_int_equal(check(text, 129), ERR_BAD_ADDRESS);
}

static void message_id_may_have_colons_and_slashes(void **state)
{
    static const char *const bad[] = {"", "a b", "a{b", "a}b", "a*b", "a\nb"};

    (void)state;
    assert_int_equal(
        address_check_message_id(slice_of("order/17:paid"), "messageId", NULL), ERR_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(
            address_check_message_id(slice_of(bad[i]), "messageId", NULL), ERR_BAD_ADDRESS);
    }
}

static void key_has_three_parts(void **state)
{
    static const char *const bad[] = {
        "", ":", "a:b", "a:b:c:d", "::", "a::c", ":b:c", "a:b:", "a:b c:d"};
    struct address a;
    char key[ADDRESS_KEY_BYTES];

    (void)state;
    assert_int_equal(address_parse_key(slice_of("pc:home:u1"), "key", &a, NULL), ERR_OK);
    assert_string_equal(a.server_client, "pc");
    assert_string_equal(a.page, "home");
    assert_string_equal(a.user_id, "u1");
    assert_string_equal(address_format_key(&a, key), "pc:home:u1");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct problem p = {0};

        assert_int_equal(address_parse_key(slice_of(bad[i]), "key", &a, &p), ERR_BAD_ADDRESS);
        assert_string_equal(p.field, "key");
        assert_string_equal(a.user_id, "u1"); /* untouched on failure */
    }
}

static void longest_key_fits(void **state)
{
    char text[3 * 128 + 2 + 1], key[ADDRESS_KEY_BYTES];
    struct address a;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[128] = text[257] = ':';
    text[386] = '\0';
    assert_int_equal(address_parse_key(slice_of(text), "key", &a, NULL), ERR_OK);
    assert_string_equal(address_format_key(&a, key), text);
}

static void address_matches_in_the_parts_that_are_wanted(void **state)
{
    const struct address a = {"pc", "home", "u1"};

    (void)state;
    assert_true(address_matches(&a, &(struct address){"", "", ""}));
    assert_true(address_matches(&a, &(struct address){"", "", "u1"}));
    assert_true(address_matches(&a, &a));
    assert_false(address_matches(&a, &(struct address){"pc", "home", "u2"}));
    assert_false(address_matches(&a, &(struct address){"pc", "news", "u1"}));
    assert_false(address_matches(&a, &(struct address){"app", "", ""}));
}

static void path_gives_the_address(void **state)
{
    struct address a;

    (void)state;
    assert_int_equal(
        address_parse_path(slice_of("/screenWebsocket/pc/home/J%C3%BCrgen+x"), &a, NULL), ERR_OK);
    assert_string_equal(a.server_client, "pc");
    assert_string_equal(a.page, "home");
    assert_string_equal(a.user_id, "J\xc3\xbcrgen+x");
    assert_int_equal(address_parse_path(slice_of("/websocket/u1"), &a, NULL), ERR_OK);
    assert_string_equal(a.server_client, "default");
    assert_string_equal(a.page, "default");
    assert_string_equal(a.user_id, "u1");
}

static void expect_path(const char *path, enum err expected, const char *field)
{
    struct problem p = {0};
    struct address a;

    assert_int_equal(address_parse_path(slice_of(path), &a, &p), expected);
    assert_string_equal(p.field, field);
}

static void path_that_is_wrong_names_its_part(void **state)
{
    char path[256] = "/websocket/";

    (void)state;
    expect_path("", ERR_UNKNOWN_PATH, "");
    expect_path("/", ERR_UNKNOWN_PATH, "");
    expect_path("/websocket", ERR_UNKNOWN_PATH, "");
    expect_path("/websocket/a/b", ERR_UNKNOWN_PATH, "");
    expect_path("/websocket/a/", ERR_UNKNOWN_PATH, "");
    expect_path("/screenWebsocket/a/b", ERR_UNKNOWN_PATH, "");
    expect_path("/screenWebsocket/a/b/c/d", ERR_UNKNOWN_PATH, "");
    expect_path("/screenwebsocket/a/b/c", ERR_UNKNOWN_PATH, "");
    expect_path("/screenWebsocket//b/c", ERR_BAD_ADDRESS, "serverClient");
    expect_path("/screenWebsocket/a/%20/c", ERR_BAD_ADDRESS, "page");
    expect_path("/screenWebsocket/a/b/c%2Fd", ERR_BAD_ADDRESS, "userId");
    expect_path("/screenWebsocket/a/b/%FF", ERR_BAD_ADDRESS, "userId");
    expect_path("/screenWebsocket/a/b%2/c", ERR_BAD_PATH, "page");
    expect_path("/screenWebsocket/a/b/%00", ERR_BAD_PATH, "userId");
    memset(path + strlen("/websocket/"), 'x', 129);
    expect_path(path, ERR_URI_TOO_LONG, "userId");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(part_takes_utf8_and_most_signs),
        cmocka_unit_test(part_refuses_separators_controls_and_bad_utf8),
        cmocka_unit_test(part_has_1_to_128_bytes),
        cmocka_unit_test(message_id_may_have_colons_and_slashes),
        cmocka_unit_test(key_has_three_parts),
        cmocka_unit_test(longest_key_fits),
        cmocka_unit_test(address_matches_in_the_parts_that_are_wanted),
        cmocka_unit_test(path_gives_the_address),
        cmocka_unit_test(path_that_is_wrong_names_its_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
