/* Whom a message is for: which members make which target, and which do not go together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/target.h"

#define SESSION "AAAAAAAAAAAAAAAAAAAAAA"
#define OTHER_SESSION "BBBBBBBBBBBBBBBBBBBBBB"

static enum err parse(const char *json, struct target *out, struct problem *p)
{
    struct json_object *object;

    assert_int_equal(json_parse_object(slice_of(json), &object, NULL), ERR_OK);
    enum err err = target_parse(object, "", out, p);
    json_object_put(object);
    return err;
}

static void groups_have_their_names(void **state)
{
    static const struct {
        const char *json;
        const char *group;
    } cases[] = {
        {"{\"topic\":\"news/sport\"}", "news/sport"},
        {"{\"serverClient\":\"pc\",\"page\":\"home\"}", "pc:home"},
        {"{\"serverClient\":\"pc\"}", "pc:"},
        {"{\"all\":true}", ":"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct target target;

        assert_int_equal(parse(cases[i].json, &target, NULL), ERR_OK);
        assert_string_equal(target.group, cases[i].group);
        assert_string_equal(target.user_id, "");
        assert_string_equal(target.server_client, "");
    }
}

static void user_is_named_alone_or_in_a_key(void **state)
{
    static const char *const same[] = {
        "{\"userId\":\"u\",\"serverClient\":\"pc\",\"page\":\"home\"}", "{\"key\":\"pc:home:u\"}"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct target target;

        assert_int_equal(parse(same[i], &target, NULL), ERR_OK);
        assert_string_equal(target.group, "");
        assert_string_equal(target.user_id, "u");
        assert_string_equal(target.server_client, "pc");
        assert_string_equal(target.page, "home");
    }
}

static void what_does_not_go_together_is_refused(void **state)
{
    static const struct {
        const char *json;
        enum err err;
        const char *field;
    } mistakes[] = {
        {"{}", ERR_NO_TARGET, "userId"},
        {"{\"sessionId\":\"" SESSION "\"}", ERR_NO_TARGET, "userId"},
        {"{\"sessionId\":\"" SESSION "\",\"serverClient\":\"pc\"}", ERR_NO_TARGET, "userId"},
        {"{\"page\":\"home\"}", ERR_MISSING_FIELD, "serverClient"},
        {"{\"key\":\"a:b:c\",\"topic\":\"t\"}", ERR_TWO_TARGETS, "topic"},
        {"{\"key\":\"a:b:c\",\"all\":true}", ERR_TWO_TARGETS, "all"},
        {"{\"userId\":\"u\",\"topic\":\"t\"}", ERR_TWO_TARGETS, "topic"},
        {"{\"userId\":\"u\",\"all\":true}", ERR_TWO_TARGETS, "all"},
        {"{\"topic\":\"t\",\"all\":true}", ERR_TWO_TARGETS, "all"},
        {"{\"topic\":\"t\",\"sessionId\":\"" SESSION "\"}", ERR_TWO_TARGETS, "sessionId"},
        {"{\"all\":true,\"page\":\"home\"}", ERR_TWO_TARGETS, "page"},
        {"{\"all\":false}", ERR_BAD_VALUE, "all"},
        {"{\"topic\":\"a:b\"}", ERR_BAD_ADDRESS, "topic"},
        {"{\"topic\":\"\"}", ERR_BAD_ADDRESS, "topic"},
        {"{\"topic\":[]}", ERR_WRONG_TYPE, "topic"},
        {"{\"serverClient\":\"pc\",\"page\":\"\"}", ERR_BAD_ADDRESS, "page"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct problem p = {0};
        struct target target;

        assert_int_equal(parse(mistakes[i].json, &target, &p), mistakes[i].err);
        assert_string_equal(p.field, mistakes[i].field);
    }
}

static void target_matches_what_it_names(void **state)
{
    static const struct address home = {"pc", "home", "u1"};
    static const struct {
        const char *server_client;
        const char *page;
        const char *session_id;
        bool matches;
        const char *narrowing;
    } cases[] = {
        {"", "", "", true, "*"},
        {"pc", "", "", true, "pc"},
        {"app", "", "", false, "app"},
        {"pc", "home", "", true, "pc:home"},
        {"pc", "shop", "", false, "pc:shop"},
        {"", "", SESSION, true, "*"},
        {"", "", OTHER_SESSION, false, "*"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct target target = {.user_id = "u1"};
        char narrowing[NARROWING_BYTES];

        strcpy(target.server_client, cases[i].server_client);
        strcpy(target.page, cases[i].page);
        strcpy(target.session_id, cases[i].session_id);
        assert_int_equal(target_matches(&target, &home, SESSION), cases[i].matches);
        target_format_narrowing(&target, narrowing, sizeof(narrowing));
        assert_string_equal(narrowing, cases[i].narrowing);
    }
}

static void target_reaches_one_server_client_or_any(void **state)
{
    struct target of_user = {.user_id = "u1", .server_client = "pc"},
                  of_page = {.group = "pc:home"}, all = {.group = ":"};
    char out[ADDRESS_PART_BYTES_MAX + 1];

    (void)state;
    assert_string_equal(target_reach(&of_user, out), "pc");
    assert_string_equal(target_reach(&of_page, out), "pc");
    assert_string_equal(target_reach(&all, out), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_have_their_names),
        cmocka_unit_test(user_is_named_alone_or_in_a_key),
        cmocka_unit_test(what_does_not_go_together_is_refused),
        cmocka_unit_test(target_reaches_one_server_client_or_any),
        cmocka_unit_test(target_matches_what_it_names),
    };

    return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
