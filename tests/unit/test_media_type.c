/* Which Content-Type headers are JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fcgi-send/media_type.h"

static void json_is_taken_with_or_without_parameters(void **state)
{
    (void)state;
    assert_true(media_type_is_json("application/json"));
    assert_true(media_type_is_json("Application/JSON"));
    assert_true(media_type_is_json(" application/json ;charset=utf-8"));
    assert_true(media_type_is_json("application/json; charset=UTF-8"));
    assert_true(media_type_is_json("application/json; charset=\"utf-8\""));
    assert_true(media_type_is_json("application/json; profile=x; Charset=utf-8;"));
}

static void json_in_another_charset_is_refused(void **state)
{
    (void)state;
    assert_false(media_type_is_json("application/json; charset=latin1"));
    assert_false(media_type_is_json("application/json; charset=utf-16"));
    assert_false(media_type_is_json("application/json; a=b; CHARSET=utf-8x"));
    assert_false(media_type_is_json("application/json; charset="));
}

static void other_types_are_refused(void **state)
{
    (void)state;
    assert_false(media_type_is_json(NULL));
    assert_false(media_type_is_json(""));
    assert_false(media_type_is_json("text/plain"));
    assert_false(media_type_is_json("application/jsonx"));
    assert_false(media_type_is_json("application/jso"));
    assert_false(media_type_is_json("application/x-www-form-urlencoded; a=application/json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_taken_with_or_without_parameters),
        cmocka_unit_test(json_in_another_charset_is_refused),
        cmocka_unit_test(other_types_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
