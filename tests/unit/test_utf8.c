/* Every code point there and back, and what RFC 3629 forbids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/utf8.h"

static void utf8_takes_every_code_point_whole_and_no_part_of_it(void **state)
{
    char bytes[4];

    (void)state;
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        if (c >= 0xD800 && c <= 0xDFFF) {
            continue;
        }
        size_t len = utf8_encode(c, bytes);
        assert_int_equal(utf8_char_bytes(bytes, len), len);
        for (size_t part = 0; part < len; part++) {
            assert_int_equal(utf8_char_bytes(bytes, part), 0);
        }
    }
}

static void utf8_refuses_what_no_code_point_encodes_to(void **state)
{
    static const char *const bad[] = {
        "\x80", "\xBF", "\xC0\x80", "\xC1\xBF",         /* stray, overlong in two */
        "\xE0\x80\x80", "\xE0\x9F\xBF",                 /* overlong in three */
        "\xED\xA0\x80", "\xED\xBF\xBF",                 /* surrogates */
        "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF",         /* overlong in four */
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", /* above U+10FFFF */
        "\xC3(", "\xE2\x82(", "\xF0\x9F\x98(",          /* a continuation is missing */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(utf8_char_bytes(bad[i], strlen(bad[i])), 0);
    }
}

static void utf8_trim_removes_only_a_character_that_was_cut(void **state)
{
    static const struct {
        const char *cut, *trimmed;
    } cases[] = {
        {"", ""},
        {"a", "a"},
        {"a\xC3\xA9", "a\xC3\xA9"},
        {"a\xC3", "a"},
        {"a\xE2\x82", "a"},
        {"a\xF0\x9F\x98\x80", "a\xF0\x9F\x98\x80"},
        {"a\xF0\x9F\x98", "a"},
        {"a\xF0", "a"},
        {"\xF0", ""},
    };
    char text[8];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        strcpy(text, cases[i].cut);
        utf8_trim(text);
        assert_string_equal(text, cases[i].trimmed);
    }
}

static void utf8_check_takes_characters_cut_anywhere(void **state)
{
    static const char text[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";

    (void)state;
    for (size_t cut = 0; cut < sizeof(text); cut++) {
        struct utf8_check c = {0};
        assert_true(utf8_check_add(&c, text, cut));
        assert_true(utf8_check_add(&c, text + cut, sizeof(text) - cut));
        assert_true(utf8_check_is_whole(&c));
    }
}

static void utf8_check_fails_at_the_first_bad_byte(void **state)
{
    static const char *const bad[] = {"\x80", "\xC1", "\xE0\x9F", "\xED\xA0", "\xF0\x8F",
        "\xF4\x90", "\xF5", "\xE2\x82(", "\xF0\x9F\x98("};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct utf8_check c = {0};
        size_t last = strlen(bad[i]) - 1;
        assert_true(utf8_check_add(&c, bad[i], last));
        assert_true(utf8_check_is_whole(&c) == (last == 0));
        assert_false(utf8_check_add(&c, bad[i] + last, 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_takes_every_code_point_whole_and_no_part_of_it),
        cmocka_unit_test(utf8_refuses_what_no_code_point_encodes_to),
        cmocka_unit_test(utf8_trim_removes_only_a_character_that_was_cut),
        cmocka_unit_test(utf8_check_takes_characters_cut_anywhere),
        cmocka_unit_test(utf8_check_fails_at_the_first_bad_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
