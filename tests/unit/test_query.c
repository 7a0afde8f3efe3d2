/* Query strings: what is in them, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "fcgi-send/query.h"

static struct query parsed(const char *text)
{
    struct query q;

    assert_int_equal(query_parse(slice_of(text), &q, NULL), ERR_OK);
    return q;
}

static void expect_query_value(const char *text, const char *name, const char *expected)
{
    struct query q = parsed(text);

    assert_string_equal(query_find(&q, name), expected);
    query_finish(&q);
}

static void expect_refused(const char *text)
{
    struct query q;
    struct problem p;

    assert_int_equal(query_parse(slice_of(text), &q, &p), ERR_BAD_QUERY);
    assert_int_equal(p.err, ERR_BAD_QUERY);
}

static void query_finds_decoded_values(void **state)
{
    (void)state;
    expect_query_value("userId=alice", "userId", "alice");
    expect_query_value("a=1&userId=%C3%A4%3D%26", "userId", "ä=&");
    expect_query_value("userId=a+b", "userId", "a+b");
    expect_query_value("userId=a=b", "userId", "a=b");
    expect_query_value("user%49d=a", "userId", "a");
    expect_query_value("userId=", "userId", "");
    expect_query_value("userId", "userId", "");
    expect_query_value("&&userId=a&&", "userId", "a");
    expect_query_value("=a&userId=b", "", "a");
    expect_query_value("a=1&a=2", "a", "1");
}

static void query_may_be_empty(void **state)
{
    struct query q = parsed("");

    (void)state;
    assert_int_equal(q.count, 0);
    assert_null(query_find(&q, "userId"));
    query_finish(&q);
}

static void query_refuses_what_is_malformed(void **state)
{
    (void)state;
    expect_refused("userId=%");
    expect_refused("userId=%4");
    expect_refused("userId=%zz");
    expect_refused("userId=%00");
    expect_refused("userId=%ff");
    expect_refused("%c0%80=a");
}

/* The longest text per parameter, and the shortest. */
static void query_takes_as_many_parameters_as_there_is_room_for(void **state)
{
    char text[QUERY_PARAMETERS_MAX * 8 + 8] = "";

    (void)state;
    for (int i = 0; i < QUERY_PARAMETERS_MAX; i++) {
        strcat(text, i % 2 ? "a&" : "userId=&");
    }
    struct query q = parsed(text);
    assert_int_equal(q.count, QUERY_PARAMETERS_MAX);
    assert_string_equal(q.parameters[QUERY_PARAMETERS_MAX - 1].name, "a");
    query_finish(&q);
    strcat(text, "b");
    expect_refused(text);
}

static void expect_only(
    const char *text, const char *repeatable, enum err expected, const char *field)
{
    static const char *const names[] = {"userId", "page", NULL};
    struct query q = parsed(text);
    struct problem p = {.field = ""};

    assert_int_equal(query_only(&q, names, repeatable, &p), expected);
    assert_string_equal(p.field, field);
    query_finish(&q);
}

static void only_takes_known_names_once(void **state)
{
    (void)state;
    expect_only("userId=a&page=b", NULL, ERR_OK, "");
    expect_only("userId=a&Page=b", NULL, ERR_UNKNOWN_FIELD, "Page");
    expect_only("userId=a&userId=a", NULL, ERR_DUPLICATE_FIELD, "userId");
    expect_only("userId=a&userId=b", "userId", ERR_OK, "");
    expect_only("page=a&page=b", "userId", ERR_DUPLICATE_FIELD, "page");
}

static void read_is_both_and_leaves_nothing_behind_an_error(void **state)
{
    static const char *const names[] = {"userId", NULL};
    struct query q;

    (void)state;
    assert_int_equal(query_read("userId=a", names, NULL, &q, NULL), ERR_OK);
    assert_int_equal(q.count, 1);
    query_finish(&q);
    assert_int_equal(query_read("userId=%zz", names, NULL, &q, NULL), ERR_BAD_QUERY);
    assert_int_equal(query_read("page=a", names, NULL, &q, NULL), ERR_UNKNOWN_FIELD);
}

static void expect_target(const char *text, enum err expected, const char *field)
{
    struct query q = parsed(text);
    struct target t = {.user_id = "before"};
    struct problem p = {.field = ""};

    assert_int_equal(query_target(&q, &t, &p), expected);
    assert_string_equal(p.field, field);
    assert_string_equal(t.user_id, expected ? "before" : "a");
    query_finish(&q);
}

static void target_needs_a_user_and_takes_a_narrowing(void **state)
{
    (void)state;
    expect_target("userId=a", ERR_OK, "");
    expect_target("userId=a&serverClient=pc", ERR_OK, "");
    expect_target("userId=a&serverClient=pc&page=home", ERR_OK, "");
    expect_target("serverClient=pc", ERR_MISSING_FIELD, "userId");
    expect_target("userId=", ERR_BAD_ADDRESS, "userId");
    expect_target("userId=a:b", ERR_BAD_ADDRESS, "userId");
    expect_target("userId=a&page=home", ERR_MISSING_FIELD, "serverClient");
    expect_target("userId=a&serverClient=p/c", ERR_BAD_ADDRESS, "serverClient");
    expect_target("userId=a&serverClient=pc&page=", ERR_BAD_ADDRESS, "page");
}

static void expect_int(const char *text, enum err expected, int64_t value)
{
    struct query q = parsed(text);
    int64_t number = 100;

    assert_int_equal(query_int(&q, "limit", 1, 1000, &number, NULL), expected);
    assert_int_equal(number, value);
    query_finish(&q);
}

static void int_must_be_whole_and_in_range(void **state)
{
    (void)state;
    expect_int("", ERR_OK, 100);
    expect_int("limit=1", ERR_OK, 1);
    expect_int("limit=1000", ERR_OK, 1000);
    expect_int("limit=0", ERR_OUT_OF_RANGE, 100);
    expect_int("limit=1001", ERR_OUT_OF_RANGE, 100);
    expect_int("limit=99999999999999999999", ERR_OUT_OF_RANGE, 100);
    expect_int("limit=", ERR_BAD_VALUE, 100);
    expect_int("limit=-1", ERR_BAD_VALUE, 100);
    expect_int("limit=1.0", ERR_BAD_VALUE, 100);
}

static void expect_message_id(const char *text, enum err expected, uint64_t ms)
{
    struct query q = parsed(text);
    struct message_id id = {7, 0};
    struct problem p = {.field = ""};

    assert_int_equal(query_message_id(&q, "after", &id, &p), expected);
    assert_int_equal(id.ms, ms);
    assert_string_equal(p.field, expected ? "after" : "");
    query_finish(&q);
}

static void message_id_must_be_one(void **state)
{
    (void)state;
    expect_message_id("", ERR_OK, 7);
    expect_message_id("after=12-3", ERR_OK, 12);
    expect_message_id("after=12", ERR_BAD_VALUE, 7);
    expect_message_id("after=-", ERR_BAD_VALUE, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(query_finds_decoded_values),
        cmocka_unit_test(query_may_be_empty),
        cmocka_unit_test(query_refuses_what_is_malformed),
        cmocka_unit_test(query_takes_as_many_parameters_as_there_is_room_for),
        cmocka_unit_test(only_takes_known_names_once),
        cmocka_unit_test(read_is_both_and_leaves_nothing_behind_an_error),
        cmocka_unit_test(target_needs_a_user_and_takes_a_narrowing),
        cmocka_unit_test(int_must_be_whole_and_in_range),
        cmocka_unit_test(message_id_must_be_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
