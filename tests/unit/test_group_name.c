/* Names of groups: made, and checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/group_name.h"

static void places_have_names_that_no_topic_can_have(void **state)
{
    static const struct {
        const char *server_client;
        const char *page;
        const char *name;
    } cases[] = {{"pc", "home", "pc:home"}, {"pc", "", "pc:"}, {"", "", ":"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[GROUP_NAME_BYTES];

        group_name_format(cases[i].server_client, cases[i].page, name);
        assert_string_equal(name, cases[i].name);
        assert_false(group_name_is_topic(name));
        assert_int_equal(address_check_topic(slice_of(name), "topic", NULL), ERR_BAD_ADDRESS);
    }
    assert_true(group_name_is_topic("pc/home"));
}

static void group_of_one_server_client_names_it(void **state)
{
    static const char *const cases[][2] = {
        {"pc:home", "pc"}, {"pc:", "pc"}, {":", ""}, {"pc", ""}, {"news/sport", ""}};
    char server_client[ADDRESS_PART_BYTES_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(group_name_server_client(cases[i][0], server_client), cases[i][1]);
    }
}

static void foreign_names_are_checked(void **state)
{
    static const char *const good[] = {":", "pc:", "pc:home", "news", "news/sport", "a-b.c"};
    static const char *const bad[] = {
        "", "::", ":home", "pc:home:u1", "a b", "pc:a/b", "a*", "{x}"};
    char name[GROUP_NAME_BYTES];
    char longest[2 * GROUP_NAME_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(group_name_copy(slice_of(good[i]), "group", name, NULL), ERR_OK);
        assert_string_equal(name, good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(group_name_copy(slice_of(bad[i]), "group", name, NULL), ERR_BAD_ADDRESS);
    }
    memset(longest, 'x', sizeof(longest));
    longest[ADDRESS_PART_BYTES_MAX] = ':';
    struct slice text = {longest, 2 * ADDRESS_PART_BYTES_MAX + 1};
    assert_int_equal(group_name_copy(text, "group", name, NULL), ERR_OK);
    text.len++;
    assert_int_equal(group_name_copy(text, "group", name, NULL), ERR_BAD_ADDRESS);
    text = (struct slice){longest, ADDRESS_PART_BYTES_MAX};
    assert_int_equal(group_name_copy(text, "group", name, NULL), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_have_names_that_no_topic_can_have),
        cmocka_unit_test(group_of_one_server_client_names_it),
        cmocka_unit_test(foreign_names_are_checked),
    };

    return cmocka_run_group_tests_name("group_name", tests, NULL, NULL);
}
