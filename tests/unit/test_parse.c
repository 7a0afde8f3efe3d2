/* Strict text to values: what is taken, what is not, and that nothing is written then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/parse.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define UNTOUCHED 4711

static void parse_u64_takes_digits_up_to_the_maximum(void **state)
{
    static const struct {
        const char *text;
        uint64_t max;
        enum err err;
        uint64_t value;
    } cases[] = {
        {"0", 0, ERR_OK, 0},
        {"007", 7, ERR_OK, 7},
        {"8", 7, ERR_OUT_OF_RANGE, UNTOUCHED},
        {"65535", UINT16_MAX, ERR_OK, UINT16_MAX},
        {"65536", UINT16_MAX, ERR_OUT_OF_RANGE, UNTOUCHED},
        {"18446744073709551615", UINT64_MAX, ERR_OK, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, ERR_OUT_OF_RANGE, UNTOUCHED},
        {"99999999999999999999999", UINT64_MAX, ERR_OUT_OF_RANGE, UNTOUCHED},
        {"99999999999999999999999x", UINT64_MAX, ERR_BAD_VALUE, UNTOUCHED},
        {"", 9, ERR_BAD_VALUE, UNTOUCHED},
        {"-1", 9, ERR_BAD_VALUE, UNTOUCHED},
        {"+1", 9, ERR_BAD_VALUE, UNTOUCHED},
        {" 1", 9, ERR_BAD_VALUE, UNTOUCHED},
        {"1 ", 9, ERR_BAD_VALUE, UNTOUCHED},
        {"0x1", 9, ERR_BAD_VALUE, UNTOUCHED},
        {"1e1", 99, ERR_BAD_VALUE, UNTOUCHED},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t value = UNTOUCHED;
        assert_int_equal(parse_u64(slice_of(cases[i].text), cases[i].max, &value), cases[i].err);
        assert_int_equal(value, cases[i].value);
    }
}

static void parse_octal_takes_modes(void **state)
{
    static const struct {
        const char *text;
        enum err err;
        uint64_t value;
    } cases[] = {
        {"0660", ERR_OK, 0660},
        {"600", ERR_OK, 0600},
        {"0777", ERR_OK, 0777},
        {"1000", ERR_OUT_OF_RANGE, UNTOUCHED},
        {"0680", ERR_BAD_VALUE, UNTOUCHED},
        {"rw", ERR_BAD_VALUE, UNTOUCHED},
        {"", ERR_BAD_VALUE, UNTOUCHED},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t value = UNTOUCHED;
        assert_int_equal(parse_octal(slice_of(cases[i].text), 0777, &value), cases[i].err);
        assert_int_equal(value, cases[i].value);
    }
}

struct unit_case {
    const char *text;
    enum err err;
    int64_t value;
};

static void check_units(
    const struct unit_case *cases, size_t count, enum err (*parse)(struct slice, int64_t *))
{
    for (size_t i = 0; i < count; i++) {
        int64_t value = UNTOUCHED;
        assert_int_equal(parse(slice_of(cases[i].text), &value), cases[i].err);
        assert_int_equal(value, cases[i].err == ERR_OK ? cases[i].value : UNTOUCHED);
    }
}

static void parse_duration_wants_a_unit(void **state)
{
    static const struct unit_case cases[] = {
        {"250ms", ERR_OK, 250},
        {"5s", ERR_OK, 5000},
        {"10m", ERR_OK, 600000},
        {"2h", ERR_OK, 7200000},
        {"7d", ERR_OK, 604800000},
        {"0", ERR_OK, 0},
        {"0s", ERR_OK, 0},
        {"9223372036854775807ms", ERR_OK, INT64_MAX},
        {"9223372036854775808ms", ERR_OUT_OF_RANGE, 0},
        {"106751991168d", ERR_OUT_OF_RANGE, 0},
        {"5", ERR_BAD_VALUE, 0},
        {"00", ERR_BAD_VALUE, 0},
        {"s", ERR_BAD_VALUE, 0},
        {"", ERR_BAD_VALUE, 0},
        {"5 s", ERR_BAD_VALUE, 0},
        {"5S", ERR_BAD_VALUE, 0},
        {"5sec", ERR_BAD_VALUE, 0},
        {"1.5s", ERR_BAD_VALUE, 0},
        {"-5s", ERR_BAD_VALUE, 0},
        {"1h30m", ERR_BAD_VALUE, 0},
    };

    (void)state;
    check_units(cases, COUNT(cases), parse_duration_ms);
}

static void parse_size_counts_in_powers_of_1024(void **state)
{
    static const struct unit_case cases[] = {
        {"0", ERR_OK, 0},
        {"512", ERR_OK, 512},
        {"64k", ERR_OK, 65536},
        {"1m", ERR_OK, 1048576},
        {"2g", ERR_OK, 2147483648},
        {"8589934591g", ERR_OK, 8589934591 << 30},
        {"8589934592g", ERR_OUT_OF_RANGE, 0},
        {"k", ERR_BAD_VALUE, 0},
        {"", ERR_BAD_VALUE, 0},
        {"64K", ERR_BAD_VALUE, 0},
        {"64kb", ERR_BAD_VALUE, 0},
        {"1t", ERR_BAD_VALUE, 0},
    };

    (void)state;
    check_units(cases, COUNT(cases), parse_size_bytes);
}

static void parse_bool_takes_eight_words(void **state)
{
    static const char *const yes[] = {"yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};
    static const char *const neither[] = {"", "y", "Yes", "2", "yes ", "yesyes"};
    bool value;

    (void)state;
    for (size_t i = 0; i < COUNT(yes); i++) {
        value = false;
        assert_int_equal(parse_bool(slice_of(yes[i]), &value), ERR_OK);
        assert_true(value);
        assert_int_equal(parse_bool(slice_of(no[i]), &value), ERR_OK);
        assert_false(value);
    }
    for (size_t i = 0; i < COUNT(neither); i++) {
        assert_int_equal(parse_bool(slice_of(neither[i]), &value), ERR_BAD_VALUE);
    }
}

static void parse_host_port_takes_numeric_addresses_only(void **state)
{
    static const struct {
        const char *text;
        enum err err;
        const char *host;
        int port;
    } cases[] = {
        {"10.0.0.5:9001", ERR_OK, "10.0.0.5", 9001},
        {"0.0.0.0:0", ERR_OK, "0.0.0.0", 0},
        {"[::1]:65535", ERR_OK, "::1", 65535},
        {"[fe80::1:2]:80", ERR_OK, "fe80::1:2", 80},
        {"10.0.0.5:65536", ERR_OUT_OF_RANGE, "", 0},
        {"10.0.0.5", ERR_BAD_VALUE, "", 0},
        {"10.0.0.5:", ERR_BAD_VALUE, "", 0},
        {":80", ERR_BAD_VALUE, "", 0},
        {"", ERR_BAD_VALUE, "", 0},
        {"localhost:80", ERR_BAD_VALUE, "", 0},
        {"::1:80", ERR_BAD_VALUE, "", 0},
        {"[::1]", ERR_BAD_VALUE, "", 0},
        {"[::1:80", ERR_BAD_VALUE, "", 0},
        {"[10.0.0.5]:80", ERR_BAD_VALUE, "", 0},
        {"10.0.0:80", ERR_BAD_VALUE, "", 0},
        {"10.0.0.5:80x", ERR_BAD_VALUE, "", 0},
        {"10.0.0.5:-1", ERR_BAD_VALUE, "", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char host[64] = "";
        uint16_t port = 0;
        assert_int_equal(parse_host_port(cases[i].text, host, sizeof(host), &port), cases[i].err);
        assert_string_equal(host, cases[i].host);
        assert_int_equal(port, cases[i].port);
    }
}

static void parse_host_port_refuses_a_host_that_does_not_fit(void **state)
{
    char host[9] = "";
    uint16_t port = 0;

    (void)state;
    assert_int_equal(parse_host_port("10.0.0.55:80", host, sizeof(host), &port), ERR_BAD_VALUE);
    assert_int_equal(parse_host_port("10.0.0.5:80", host, sizeof(host), &port), ERR_OK);
    assert_string_equal(host, "10.0.0.5");
}

static void parse_percent_decodes_and_refuses_broken_escapes(void **state)
{
    static const struct {
        const char *text;
        enum err err;
        const char *decoded;
    } cases[] = {
        {"", ERR_OK, ""},
        {"abc", ERR_OK, "abc"},
        {"a%20b+c", ERR_OK, "a b+c"},
        {"%41%4a%4A", ERR_OK, "AJJ"},
        {"%C3%A9", ERR_OK, "\xC3\xA9"},
        {"%2541", ERR_OK, "%41"},
        {"%", ERR_BAD_PATH, ""},
        {"%4", ERR_BAD_PATH, ""},
        {"a%4g", ERR_BAD_PATH, ""},
        {"a%g4", ERR_BAD_PATH, ""},
        {"a%@4", ERR_BAD_PATH, ""},
        {"a%00b", ERR_BAD_PATH, ""},
        {"12345678", ERR_URI_TOO_LONG, ""},
        {"123456%37", ERR_OK, "1234567"},
    };
    char out[8];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        enum err err = parse_percent(slice_of(cases[i].text), out, sizeof(out));
        assert_int_equal(err, cases[i].err);
        if (err == ERR_OK) {
            assert_string_equal(out, cases[i].decoded);
        }
    }
    assert_int_equal(parse_percent((struct slice){"a\0b", 3}, out, sizeof(out)), ERR_BAD_PATH);
}

static void numbers_are_written_as_they_are_read(void **state)
{
    static const char *const numbers[] = {
        "0", "7", "10", "999", "1000", "1764000000000", "18446744073709551615"};
    char digits[DECIMAL_BYTES_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint64_t value = 0;

        assert_int_equal(parse_u64(slice_of(numbers[i]), UINT64_MAX, &value), ERR_OK);
        assert_int_equal(format_u64(value, digits), strlen(numbers[i]));
        assert_memory_equal(digits, numbers[i], strlen(numbers[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_as_they_are_read),
        cmocka_unit_test(parse_u64_takes_digits_up_to_the_maximum),
        cmocka_unit_test(parse_octal_takes_modes),
        cmocka_unit_test(parse_duration_wants_a_unit),
        cmocka_unit_test(parse_size_counts_in_powers_of_1024),
        cmocka_unit_test(parse_bool_takes_eight_words),
        cmocka_unit_test(parse_host_port_takes_numeric_addresses_only),
        cmocka_unit_test(parse_host_port_refuses_a_host_that_does_not_fit),
        cmocka_unit_test(parse_percent_decodes_and_refuses_broken_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
