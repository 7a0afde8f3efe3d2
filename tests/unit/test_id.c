/* Random ids, and message ids as Redis writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/id.h"

static void id_random_is_base64url_of_whole_bytes(void **state)
{
    char id[SESSION_ID_BYTES];
    char boot[BOOT_ID_BYTES];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        id_random(id, sizeof(id));
        assert_int_equal(strlen(id), 22);
        assert_true(id_is_session(slice_of(id)));
        /* 16 bytes fill 21 characters and two bits of the last one; the other four bits are zero.
         */
        assert_non_null(strchr("AQgw", id[21]));
        /* 8 bytes fill 10 characters and four bits; two are zero. */
        id_random(boot, sizeof(boot));
        assert_int_equal(strlen(boot), 11);
        assert_non_null(strchr("AEIMQUYcgkosw048", boot[10]));
    }
}

static void id_random_never_comes_twice(void **state)
{
    char ids[1000][SESSION_ID_BYTES];

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        id_random(ids[i], sizeof(ids[i]));
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(ids[i], ids[j]);
        }
    }
}

static void id_is_session_looks_at_length_and_alphabet(void **state)
{
    (void)state;
    assert_true(id_is_session(slice_of("abcdefghijKLMNOPQR09-_")));
    assert_false(id_is_session(slice_of("abcdefghijKLMNOPQR09-")));
    assert_false(id_is_session(slice_of("abcdefghijKLMNOPQR09-_x")));
    assert_false(id_is_session(slice_of("abcdefghijKLMNOPQR09+_")));
    assert_false(id_is_session(slice_of("abcdefghijKLMNOPQR09/=")));
    assert_false(id_is_session((struct slice){"abcdefghij\0LMNOPQR09-_", 22}));
    assert_false(id_is_session(slice_of("")));
}

static void session_id_has_characters_of_base64url_only(void **state)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char id[] = "abcdefghijKLMNOPQR09-_";

    (void)state;
    for (int c = 0; c < 256; c++) {
        id[10] = (char)c;
        assert_int_equal(id_is_session((struct slice){id, 22}), c && strchr(alphabet, c));
    }
}

static void message_id_comes_back_as_it_was_written(void **state)
{
    static const char *const texts[] = {
        "0-0", "1764000000000-0", "1764000000000-12", "18446744073709551615-18446744073709551615"};
    char out[MESSAGE_ID_BYTES];
    struct message_id id;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(message_id_parse(slice_of(texts[i]), &id), ERR_OK);
        assert_string_equal(message_id_format(id, out), texts[i]);
    }
}

static void message_id_has_one_spelling(void **state)
{
    static const char *const bad[] = {"", "-", "1", "1-", "-1", "1-2-3", "01-0", "1-00", "1--2",
        "a-1", "1-a", " 1-1", "1-1 ", "+1-1", "18446744073709551616-0", "$", "0x1-0"};
    struct message_id id = {7, 7};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(message_id_parse(slice_of(bad[i]), &id), ERR_BAD_VALUE);
    }
    assert_int_equal(message_id_parse((struct slice){"1-2", 2}, &id), ERR_BAD_VALUE);
    assert_int_equal(id.ms, 7);
    assert_int_equal(id.n, 7);
}

static void message_id_order_is_by_time_then_by_count(void **state)
{
    struct message_id early = {1, 9};
    struct message_id late = {2, 0};
    struct message_id later = {2, 1};
    struct message_id last = {UINT64_MAX, 0};

    (void)state;
    assert_true(message_id_compare(early, late) < 0);
    assert_true(message_id_compare(later, late) > 0);
    assert_true(message_id_compare(last, early) > 0);
    assert_int_equal(message_id_compare(late, late), 0);
}

static void message_id_zero_is_before_every_entry(void **state)
{
    (void)state;
    assert_true(message_id_is_zero((struct message_id){0, 0}));
    assert_false(message_id_is_zero((struct message_id){0, 1}));
    assert_false(message_id_is_zero((struct message_id){1, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(id_random_is_base64url_of_whole_bytes),
        cmocka_unit_test(id_random_never_comes_twice),
        cmocka_unit_test(id_is_session_looks_at_length_and_alphabet),
        cmocka_unit_test(session_id_has_characters_of_base64url_only),
        cmocka_unit_test(message_id_comes_back_as_it_was_written),
        cmocka_unit_test(message_id_has_one_spelling),
        cmocka_unit_test(message_id_order_is_by_time_then_by_count),
        cmocka_unit_test(message_id_zero_is_before_every_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
