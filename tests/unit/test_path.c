/* Which call a path names, wherever we are mounted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "fcgi-send/path.h"

static void expect_call(const char *path, const char *expected)
{
    char out[PATH_BYTES_MAX];

    assert_int_equal(path_last_segment(slice_of(path), out, NULL), ERR_OK);
    assert_string_equal(out, expected);
}

static void expect_refused(const char *path, enum err expected)
{
    char out[PATH_BYTES_MAX] = "untouched";
    struct problem p;

    assert_int_equal(path_last_segment(slice_of(path), out, &p), expected);
    assert_int_equal(p.err, expected);
    assert_string_equal(out, "untouched");
}

static void path_names_a_call_by_its_last_segment(void **state)
{
    (void)state;
    expect_call("/socketSend", "socketSend");
    expect_call("/websocket/socketSend", "socketSend");
    expect_call("/cgi-bin/fcgi-send/socketSend", "socketSend");
    expect_call("http://host/socketSend", "socketSend");
    expect_call("socketSend", "socketSend");
    expect_call("/socket%53end", "socketSend");
}

static void path_that_ends_with_a_slash_names_nothing(void **state)
{
    (void)state;
    expect_call("/socketSend/", "");
    expect_call("", "");
}

static void path_with_a_bad_escape_is_refused_wherever_it_is(void **state)
{
    (void)state;
    expect_refused("/%zz/socketSend", ERR_BAD_PATH);
    expect_refused("/socketSend%", ERR_BAD_PATH);
    expect_refused("/socketSend%0", ERR_BAD_PATH);
    expect_refused("/%00/socketSend", ERR_BAD_PATH);
}

static void path_may_have_as_many_bytes_as_fit(void **state)
{
    char path[PATH_BYTES_MAX + 1];

    (void)state;
    memset(path, 'a', sizeof(path));
    memcpy(path + PATH_BYTES_MAX - 1 - strlen("/online"), "/online", sizeof("/online"));
    expect_call(path, "online");
    memcpy(path + PATH_BYTES_MAX - strlen("/online"), "/online", sizeof("/online"));
    path[PATH_BYTES_MAX - 1 - strlen("/online")] = 'a';
    expect_refused(path, ERR_URI_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_names_a_call_by_its_last_segment),
        cmocka_unit_test(path_that_ends_with_a_slash_names_nothing),
        cmocka_unit_test(path_with_a_bad_escape_is_refused_wherever_it_is),
        cmocka_unit_test(path_may_have_as_many_bytes_as_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
