/* What fcgi-send and a node say to each other on POST /presence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/headcount.h"

#define BYTES_MAX 65536

static void node_reads_what_it_is_asked(void **state)
{
    static const char *const groups[] = {"pc:home", "pc:", ":", "news/sport"};
    struct headcount_question question;
    struct buf bytes;

    (void)state;
    buf_init(&bytes, BYTES_MAX);
    headcount_encode("boot1", groups, 4, &bytes);
    assert_int_equal(
        headcount_decode((struct slice){buf_str(&bytes), bytes.len}, &question, NULL), ERR_OK);
    assert_string_equal(question.boot, "boot1");
    assert_int_equal(question.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(question.groups[i], groups[i]);
    }
    buf_finish(&bytes);
}

static void question_may_have_a_hundred_groups(void **state)
{
    const char *groups[HEADCOUNT_GROUPS_MAX + 1];
    struct headcount_question question;
    struct problem p;
    struct buf bytes;

    (void)state;
    for (size_t i = 0; i <= HEADCOUNT_GROUPS_MAX; i++) {
        groups[i] = "t";
    }
    for (size_t more = 0; more <= 1; more++) {
        buf_init(&bytes, BYTES_MAX);
        headcount_encode("boot1", groups, HEADCOUNT_GROUPS_MAX + more, &bytes);
        assert_int_equal(
            headcount_decode((struct slice){buf_str(&bytes), bytes.len}, &question, &p),
            more ? ERR_OUT_OF_RANGE : ERR_OK);
        buf_finish(&bytes);
    }
    assert_string_equal(p.field, "groups");
}

static void bad_question_is_refused(void **state)
{
    static const struct {
        const char *text;
        enum err err;
        const char *field;
    } bad[] = {
        {"{", ERR_NOT_JSON, ""},
        {"{\"groups\":[\"t\"]}", ERR_MISSING_FIELD, "boot"},
        {"{\"boot\":\"b\"}", ERR_OUT_OF_RANGE, "groups"},
        {"{\"boot\":\"b\",\"groups\":[]}", ERR_OUT_OF_RANGE, "groups"},
        {"{\"boot\":\"b\",\"groups\":\"t\"}", ERR_WRONG_TYPE, "groups"},
        {"{\"boot\":\"b\",\"groups\":[1]}", ERR_WRONG_TYPE, "groups"},
        {"{\"boot\":\"b\",\"groups\":[\"\"]}", ERR_BAD_ADDRESS, "groups"},
        {"{\"boot\":\"b\",\"groups\":[\"a:b:c\"]}", ERR_BAD_ADDRESS, "groups"},
        {"{\"boot\":\"far too long for one\",\"groups\":[\"t\"]}", ERR_BAD_VALUE, "boot"},
        {"{\"boot\":\"b\",\"groups\":[\"t\"],\"x\":1}", ERR_UNKNOWN_FIELD, "x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct headcount_question question;
        struct problem p = {0};

        assert_int_equal(headcount_decode(slice_of(bad[i].text), &question, &p), bad[i].err);
        assert_string_equal(p.field, bad[i].field);
    }
}

static void sender_reads_what_the_node_counted(void **state)
{
    static const int64_t counted[] = {0, 50000};
    int64_t *members;
    struct buf bytes;

    (void)state;
    buf_init(&bytes, BYTES_MAX);
    headcount_answer_encode(counted, 2, &bytes);
    struct slice text = {buf_str(&bytes), bytes.len};
    assert_int_equal(headcount_answer_decode(text, 2, &members), ERR_OK);
    assert_memory_equal(members, counted, sizeof(counted));
    free(members);
    assert_int_equal(headcount_answer_decode(text, 1, &members), ERR_BAD_ENVELOPE);
    assert_int_equal(headcount_answer_decode(text, 3, &members), ERR_BAD_ENVELOPE);
    buf_finish(&bytes);
}

static void answer_that_is_none_is_refused(void **state)
{
    static const char *const bad[] = {"", "[]", "{}", "{\"data\":[]}", "{\"data\":{}}",
        "{\"data\":{\"members\":1}}", "{\"data\":{\"members\":[-1]}}",
        "{\"data\":{\"members\":[1.5]}}", "{\"data\":{\"members\":[\"1\"]}}"};
    int64_t *members;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_not_equal(headcount_answer_decode(slice_of(bad[i]), 1, &members), ERR_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_reads_what_it_is_asked),
        cmocka_unit_test(question_may_have_a_hundred_groups),
        cmocka_unit_test(bad_question_is_refused),
        cmocka_unit_test(sender_reads_what_the_node_counted),
        cmocka_unit_test(answer_that_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
