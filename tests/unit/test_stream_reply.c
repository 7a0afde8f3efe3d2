/* Entries of a stream as messages, from the bytes that Redis sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/resp.h"
#include "wsctl/stream_reply.h"

#define MAX 3

static struct queue_message got[MAX];
static size_t got_count;

static int begin(void **state)
{
    (void)state;
    for (size_t i = 0; i < MAX; i++) {
        queue_message_init(&got[i]);
    }
    got_count = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (size_t i = 0; i < MAX; i++) {
        queue_message_finish(&got[i]);
    }
    return 0;
}

static enum err read_reply(const char *bytes)
{
    redisReply *reply = reply_of(bytes);

    enum err err = stream_reply_read(reply, "orders", got, MAX, &got_count);
    freeReplyObject(reply);
    return err;
}

static enum err read_claim(const char *bytes, struct message_id *next)
{
    redisReply *reply = reply_of(bytes);

    enum err err = stream_reply_claim(reply, "orders", got, MAX, &got_count, next);
    freeReplyObject(reply);
    return err;
}

#define ENTRY(id) "*2\r\n$3\r\n" id "\r\n*2\r\n$7\r\nmessage\r\n$2\r\n{}\r\n"

static void entries_become_messages(void **state)
{
    (void)state;
    assert_int_equal(
        read_reply("*1\r\n*2\r\n$6\r\norders\r\n*2\r\n" ENTRY("7-0") ENTRY("7-1")), ERR_OK);
    assert_int_equal(got_count, 2);
    assert_string_equal(got[1].entry, "7-1");
    assert_string_equal(got[1].id, "orders/7-1");
    assert_string_equal(buf_str(&got[1].body), "{}");
    assert_int_equal(got[1].fate.verdict, VERDICT_AGAIN);
}

static void nothing_new_is_no_message(void **state)
{
    (void)state;
    assert_int_equal(read_reply("*-1\r\n"), ERR_OK);
    assert_int_equal(read_reply("$-1\r\n"), ERR_OK);
    assert_int_equal(read_reply("*1\r\n*2\r\n$6\r\norders\r\n*0\r\n"), ERR_OK);
    assert_int_equal(got_count, 0);
}

static void message_may_stand_among_other_fields(void **state)
{
    (void)state;
    assert_int_equal(
        read_reply(
            "*1\r\n*2\r\n$6\r\norders\r\n*1\r\n*2\r\n$3\r\n7-0\r\n*4\r\n$1\r\na\r\n$1\r\nb\r\n"
            "$7\r\nmessage\r\n$4\r\nnull\r\n"),
        ERR_OK);
    assert_string_equal(buf_str(&got[0].body), "null");
}

static void entry_without_a_message_is_dead(void **state)
{
    (void)state;
    assert_int_equal(
        read_reply(
            "*1\r\n*2\r\n$6\r\norders\r\n*1\r\n*2\r\n$3\r\n7-0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
        ERR_OK);
    assert_int_equal(got_count, 1);
    assert_int_equal(got[0].fate.verdict, VERDICT_DEAD);
}

static void deleted_entry_is_done_with(void **state)
{
    (void)state;
    assert_int_equal(
        read_reply("*1\r\n*2\r\n$6\r\norders\r\n*1\r\n*2\r\n$3\r\n7-0\r\n*-1\r\n"), ERR_OK);
    assert_int_equal(got_count, 1);
    assert_int_equal(got[0].fate.verdict, VERDICT_SENT);
}

static void no_more_are_taken_than_there_is_room_for(void **state)
{
    (void)state;
    assert_int_equal(read_reply("*1\r\n*2\r\n$6\r\norders\r\n*4\r\n" ENTRY("7-0") ENTRY("7-1")
                             ENTRY("7-2") ENTRY("7-3")),
        ERR_OK);
    assert_int_equal(got_count, MAX);
}

static void claim_says_where_it_goes_on(void **state)
{
    struct message_id next = {0, 0};

    (void)state;
    assert_int_equal(read_claim("*3\r\n$3\r\n9-0\r\n*1\r\n" ENTRY("7-0") "*0\r\n", &next), ERR_OK);
    assert_int_equal(got_count, 1);
    assert_int_equal(next.ms, 9);
    assert_int_equal(read_claim("*3\r\n$3\r\n0-0\r\n*0\r\n*1\r\n$3\r\n1-0\r\n", &next), ERR_OK);
    assert_true(message_id_is_zero(next));
}

static void other_shapes_are_refused(void **state)
{
    static const char *const replies[] = {
        "+OK\r\n",
        ":1\r\n",
        "*0\r\n",
        "*1\r\n:1\r\n",
        "*1\r\n*1\r\n$6\r\norders\r\n",
        "*1\r\n*2\r\n$6\r\norders\r\n$1\r\nx\r\n",
        "*1\r\n*2\r\n$6\r\norders\r\n*1\r\n$1\r\nx\r\n",
        "*1\r\n*2\r\n$6\r\norders\r\n*1\r\n*1\r\n$3\r\n7-0\r\n",
        "*1\r\n*2\r\n$6\r\norders\r\n*1\r\n*2\r\n$1\r\nx\r\n*0\r\n",
    };
    struct message_id next;

    (void)state;
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        assert_int_equal(read_reply(replies[i]), ERR_INTERNAL);
        assert_int_equal(read_claim(replies[i], &next), ERR_INTERNAL);
    }
}

#define WITH_ROOM(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ROOM(entries_become_messages),
        WITH_ROOM(nothing_new_is_no_message),
        WITH_ROOM(message_may_stand_among_other_fields),
        WITH_ROOM(entry_without_a_message_is_dead),
        WITH_ROOM(deleted_entry_is_done_with),
        WITH_ROOM(no_more_are_taken_than_there_is_room_for),
        WITH_ROOM(claim_says_where_it_goes_on),
        WITH_ROOM(other_shapes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
