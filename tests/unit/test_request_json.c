/* The body of a call: one JSON object, and no member that the call does not know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fcgi-send/request_json.h"

static const char *const names[] = {"userId", "page", NULL};

static enum err read_body(const char *text, struct json_object **out, struct problem *p)
{
    struct request r = {.method = "POST"};

    buf_init(&r.body, 4096);
    buf_add_str(&r.body, text);
    enum err err = request_json(&r, names, out, p);
    buf_finish(&r.body);
    return err;
}

static void object_with_known_members_is_taken(void **state)
{
    struct json_object *body = NULL;
    struct problem p;

    (void)state;
    assert_int_equal(read_body("{\"userId\":\"a\"}", &body, &p), ERR_OK);
    assert_int_equal(json_object_object_length(body), 1);
    json_object_put(body);
}

static void anything_else_is_refused_and_named(void **state)
{
    static const struct {
        const char *text;
        enum err err;
        const char *field;
    } cases[] = {{"", ERR_NOT_JSON, ""}, {"[]", ERR_WRONG_TYPE, ""},
        {"{\"userId\":", ERR_NOT_JSON, ""}, {"{\"userid\":\"a\"}", ERR_UNKNOWN_FIELD, "userid"},
        {"{\"page\":1,\"page\":2}", ERR_DUPLICATE_FIELD, "page"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_object *body = NULL;
        struct problem p = {.field = ""};

        assert_int_equal(read_body(cases[i].text, &body, &p), cases[i].err);
        assert_string_equal(p.field, cases[i].field);
        assert_null(body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(object_with_known_members_is_taken),
        cmocka_unit_test(anything_else_is_refused_and_named),
    };
    return cmocka_run_group_tests_name("request_json", tests, NULL, NULL);
}
