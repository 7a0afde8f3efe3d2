/*
 * FastCGI records: requests pass however they are cut, and what libfcgi must not see does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fcgi-send/records.h"

#define BYTES(text) ((struct slice){text, sizeof(text) - 1})
#define BEGIN "\1\1\0\1\0\x08\0\0\0\1\0\0\0\0\0\0"
#define PARAMS_END "\1\4\0\1\0\0\0\0"
#define STDIN "\1\5\0\1\0\4\2\0{\"\"}xx\1\5\0\1\0\0\0\0"

static bool passes(struct slice bytes)
{
    struct records r = {0};

    return records_check(&r, bytes);
}

static void request_passes_whole_and_cut_anywhere(void **state)
{
    struct slice request = BYTES(BEGIN "\1\4\0\1\0\6\1\0\1\3AGETx" PARAMS_END STDIN);

    (void)state;
    assert_true(passes(request));
    for (size_t cut = 0; cut <= request.len; cut++) {
        struct records r = {0};

        assert_true(records_check(&r, (struct slice){request.at, cut}));
        assert_true(records_check(&r, (struct slice){request.at + cut, request.len - cut}));
        assert_int_equal(r.header_bytes, 0);
    }
}

static void long_parameters_pass_up_to_the_limit(void **state)
{
    (void)state;
    assert_true(passes(BYTES(BEGIN "\1\4\0\1\0\x08\0\0\x80\x10\0\0\x80\x10\0\0")));
    assert_false(passes(BYTES(BEGIN "\1\4\0\1\0\x08\0\0\x80\x10\0\1\x80\0\0\1")));
    assert_false(passes(BYTES(BEGIN "\1\4\0\1\0\x08\0\0\x80\0\0\1\x80\x10\0\1")));
}

static void lengths_near_two_gigabytes_are_refused_also_in_two_records(void **state)
{
    (void)state;
    assert_false(passes(BYTES(BEGIN "\1\4\0\1\0\5\0\0\xff\xff\xff\xfe\1")));
    assert_false(passes(BYTES(BEGIN "\1\4\0\1\0\5\0\0\1\xff\xff\xff\xfe")));
    assert_false(passes(BYTES(BEGIN "\1\4\0\1\0\2\0\0\xff\xff\1\4\0\1\0\3\0\0\xff\xfe\1")));
}

static void management_records_and_other_versions_are_refused(void **state)
{
    (void)state;
    assert_false(passes(BYTES("\1\x09\0\0\0\0\0\0")));
    assert_false(passes(BYTES(BEGIN PARAMS_END "\1\x09\0\0\0\0\0\0")));
    assert_false(passes(BYTES("\2\1\0\1\0\x08\0\0")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_passes_whole_and_cut_anywhere),
        cmocka_unit_test(long_parameters_pass_up_to_the_limit),
        cmocka_unit_test(lengths_near_two_gigabytes_are_refused_also_in_two_records),
        cmocka_unit_test(management_records_and_other_versions_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
