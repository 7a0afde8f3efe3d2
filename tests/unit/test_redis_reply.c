/* Replies of any shape: what they are taken for, and that a reader that meets another one says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "shared/redis_reply.h"
#include "tests/unit/resp.h"

static enum err err_of(const char *bytes)
{
    redisReply *reply = reply_of(bytes);
    enum err err = redis_reply_err(reply);

    freeReplyObject(reply);
    return err;
}

static void what_may_work_later_or_elsewhere_is_a_refusal(void **state)
{
    static const char *const refusals[] = {"READONLY You can't write against a read only replica.",
        "LOADING Redis is loading", "CLUSTERDOWN The cluster is down", "MASTERDOWN Link is down",
        "OOM command not allowed", "NOREPLICAS Not enough good replicas",
        "UNBLOCKED force unblock from blocking operation", "NOAUTH Required.", "WRONGPASS invalid",
        "NOPERM no permissions", "MISCONF unable to persist", "BUSY script",
        "TRYAGAIN Multiple keys", "MOVED 1 127.0.0.1:1", "ASK 1 127.0.0.1:1", "LOADING"};
    char bytes[128];

    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        snprintf(bytes, sizeof(bytes), "-%s\r\n", refusals[i]);
        assert_int_equal(err_of(bytes), ERR_REDIS_REFUSED);
    }
}

static void other_errors_are_our_own_mistake(void **state)
{
    (void)state;
    assert_int_equal(err_of("-ERR unknown command\r\n"), ERR_INTERNAL);
    assert_int_equal(err_of("-WRONGTYPE Operation against a key\r\n"), ERR_INTERNAL);
    assert_int_equal(err_of("-ASKED for nothing\r\n"), ERR_INTERNAL); /* whole words only */
    assert_int_equal(err_of("-\r\n"), ERR_INTERNAL);
    assert_int_equal(redis_reply_err(NULL), ERR_INTERNAL);
}

static void whatever_is_no_error_is_fine(void **state)
{
    (void)state;
    assert_int_equal(err_of("+OK\r\n"), ERR_OK);
    assert_int_equal(err_of("$-1\r\n"), ERR_OK);
    assert_int_equal(err_of("$8\r\nREADONLY\r\n"), ERR_OK);
    assert_int_equal(err_of("*0\r\n"), ERR_OK);
}

static void copy_outlives_the_reply_and_is_the_same(void **state)
{
    redisReply *reply = reply_of("*4\r\n:7\r\n$3\r\nabc\r\n*2\r\n$-1\r\n+OK\r\n*0\r\n");
    redisReply *copy = redis_reply_copy(reply);

    (void)state;
    freeReplyObject(reply);
    struct reply_reader r = reply_reader_of(copy);
    assert_int_equal(reply_length(&r), 4);
    assert_int_equal(reply_next_int(&r), 7);
    struct slice text = reply_next_text(&r);
    assert_int_equal(text.len, 3);
    assert_memory_equal(text.at, "abc", 4); /* and its terminator */
    struct reply_reader inner = reply_reader_of(reply_next(&r));
    assert_true(redis_reply_is_nil(reply_next(&inner)));
    assert_true(slice_equal(reply_next_text(&inner), "OK"));
    struct reply_reader empty = reply_reader_of(reply_next(&r));
    assert_int_equal(reply_length(&empty), 0);
    assert_int_equal(reply_reader_err(&r), ERR_OK);
    assert_int_equal(reply_reader_err(&inner), ERR_OK);
    assert_int_equal(reply_reader_err(&empty), ERR_OK);
    freeReplyObject(copy);
}

static void noscript_is_known_by_its_word(void **state)
{
    redisReply *error = reply_of("-NOSCRIPT No matching script.\r\n");
    redisReply *text = reply_of("+NOSCRIPT\r\n");

    (void)state;
    assert_true(redis_reply_is_noscript(error));
    assert_false(redis_reply_is_noscript(text));
    assert_false(redis_reply_is_noscript(NULL));
    freeReplyObject(error);
    freeReplyObject(text);
}

static void single_values_are_taken_in_their_own_type_only(void **state)
{
    redisReply *number = reply_of(":7\r\n"), *text = reply_of("$2\r\n7\n\r\n"),
               *nil = reply_of("$-1\r\n");
    int64_t value = 1;

    (void)state;
    assert_int_equal(redis_reply_int(number, &value), ERR_OK);
    assert_int_equal(value, 7);
    assert_int_equal(redis_reply_int(text, &value), ERR_INTERNAL);
    assert_int_equal(redis_reply_int(NULL, &value), ERR_INTERNAL);
    assert_true(slice_equal(redis_reply_text(text), "7\n"));
    assert_null(redis_reply_text(number).at);
    assert_null(redis_reply_text(nil).at);
    assert_null(redis_reply_text(NULL).at);
    assert_true(redis_reply_is_nil(nil));
    assert_false(redis_reply_is_nil(text));
    assert_false(redis_reply_is_nil(NULL));
    freeReplyObject(number);
    freeReplyObject(text);
    freeReplyObject(nil);
}

static void reader_gives_the_elements_in_order(void **state)
{
    redisReply *reply = reply_of("*5\r\n:7\r\n$1\r\na\r\n+b\r\n$3\r\n5-6\r\n*1\r\n:8\r\n");
    struct reply_reader r = reply_reader_of(reply);

    (void)state;
    assert_int_equal(reply_length(&r), 5);
    assert_int_equal(reply_next_int(&r), 7);
    assert_true(slice_equal(reply_next_text(&r), "a"));
    assert_true(slice_equal(reply_next_text(&r), "b"));
    assert_int_equal(message_id_compare(reply_next_id(&r), (struct message_id){5, 6}), 0);
    struct reply_reader inner = reply_reader_of(reply_next(&r));
    assert_int_equal(reply_next_int(&inner), 8);
    assert_false(reply_has_next(&r));
    assert_int_equal(reply_reader_err(&r), ERR_OK);
    assert_int_equal(reply_reader_err(&inner), ERR_OK);
    freeReplyObject(reply);
}

/* Reads one element of a kind from a reply, and says whether the reader broke. */
static enum err read_one(const char *bytes, void (*read)(struct reply_reader *))
{
    redisReply *reply = reply_of(bytes);
    struct reply_reader r = reply_reader_of(reply);

    read(&r);
    enum err err = reply_reader_err(&r);
    assert_true(!err || reply_length(&r) == 0);
    assert_true(!err || !reply_has_next(&r));
    freeReplyObject(reply);
    return err;
}

static void read_int(struct reply_reader *r)
{
    (void)reply_next_int(r);
}

static void read_text(struct reply_reader *r)
{
    assert_non_null(reply_next_text(r).at);
}

static void read_id(struct reply_reader *r)
{
    (void)reply_next_id(r);
}

static void read_any(struct reply_reader *r)
{
    (void)reply_next(r);
}

static void wrong_type_or_missing_element_breaks_the_reader(void **state)
{
    (void)state;
    assert_int_equal(read_one("*1\r\n:1\r\n", read_int), ERR_OK);
    assert_int_equal(read_one("*1\r\n$1\r\n1\r\n", read_int), ERR_INTERNAL);
    assert_int_equal(read_one("*1\r\n:1\r\n", read_text), ERR_INTERNAL);
    assert_int_equal(read_one("*1\r\n$-1\r\n", read_text), ERR_INTERNAL);
    assert_int_equal(read_one("*1\r\n$1\r\n1\r\n", read_id), ERR_INTERNAL);
    assert_int_equal(read_one("*1\r\n:1\r\n", read_id), ERR_INTERNAL);
    assert_int_equal(read_one("*0\r\n", read_any), ERR_INTERNAL);
    assert_int_equal(read_one("$1\r\n1\r\n", read_any), ERR_INTERNAL);
    assert_int_equal(read_one("*-1\r\n", read_any), ERR_INTERNAL);
}

static void broken_reader_gives_zeros_from_then_on(void **state)
{
    redisReply *reply = reply_of("*3\r\n$1\r\nx\r\n:7\r\n$3\r\n5-6\r\n");
    struct reply_reader r = reply_reader_of(reply);

    (void)state;
    assert_int_equal(reply_next_int(&r), 0);
    assert_int_equal(reply_next_int(&r), 0);
    assert_int_equal(reply_next_text(&r).len, 0);
    assert_true(message_id_is_zero(reply_next_id(&r)));
    assert_null(reply_next(&r));
    freeReplyObject(reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_work_later_or_elsewhere_is_a_refusal),
        cmocka_unit_test(other_errors_are_our_own_mistake),
        cmocka_unit_test(whatever_is_no_error_is_fine),
        cmocka_unit_test(copy_outlives_the_reply_and_is_the_same),
        cmocka_unit_test(noscript_is_known_by_its_word),
        cmocka_unit_test(single_values_are_taken_in_their_own_type_only),
        cmocka_unit_test(reader_gives_the_elements_in_order),
        cmocka_unit_test(wrong_type_or_missing_element_breaks_the_reader),
        cmocka_unit_test(broken_reader_gives_zeros_from_then_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
