/* Entries of the registry: what is written can be read, and what somebody else wrote does no harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/registry_entry.h"

#define SESSION_ID "AAAAAAAAAAAAAAAAAAAAAA"

static void entry_survives_encoding(void **state)
{
    struct registry_entry e = {.session_id = SESSION_ID,
        .addr = "127.0.0.1:31882",
        .node_id = "n1",
        .boot = "boot1",
        .address = {"pc", "home", "J\u00fcrgen\"\\"},
        .since_ms = 1764000000000,
        .until_ms = 1764000360000};
    struct registry_entry decoded;
    struct buf json;

    (void)state;
    buf_init(&json, 4096);
    registry_entry_encode(&e, &json);
    assert_int_equal(buf_err(&json), ERR_OK);
    assert_int_equal(
        registry_entry_decode(slice_of(e.session_id), slice_of(buf_str(&json)), &decoded), ERR_OK);
    assert_string_equal(decoded.session_id, e.session_id);
    assert_string_equal(decoded.addr, e.addr);
    assert_string_equal(decoded.node_id, e.node_id);
    assert_string_equal(decoded.boot, e.boot);
    assert_string_equal(decoded.address.user_id, e.address.user_id);
    assert_int_equal(decoded.since_ms, e.since_ms);
    assert_int_equal(decoded.until_ms, e.until_ms);
    buf_finish(&json);
}

static void entry_that_is_not_one_is_refused(void **state)
{
    static const char *const bad[] = {"", "5", "[]", "{}", "{\"ip\":1}",
        "{\"ip\":\"a\",\"node\":\"n\",\"boot\":\"b\",\"key\":\"only:two\",\"since\":1,\"until\":2}",
        "{\"ip\":\"a\",\"node\":\"n\",\"boot\":\"much too long\",\"key\":\"a:b:c\",\"until\":2}",
        "{\"ip\":\"a\",\"node\":\"n\",\"boot\":\"b\",\"key\":\"a:b:c\",\"since\":1,\"until\":-2}"};
    struct registry_entry e;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_not_equal(
            registry_entry_decode(slice_of(SESSION_ID), slice_of(bad[i]), &e), ERR_OK);
    }
    assert_int_equal(registry_entry_decode(slice_of("short"), slice_of("{}"), &e), ERR_BAD_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entry_survives_encoding),
        cmocka_unit_test(entry_that_is_not_one_is_refused),
    };

    return cmocka_run_group_tests_name("registry_entry", tests, NULL, NULL);
}
