/* What a queue holds, as POST /socketSend takes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wsctl/queue_message.h"

static struct queue_message message_with(const char *body, const char *id)
{
    struct queue_message m;

    queue_message_init(&m);
    buf_add_str(&m.body, body);
    queue_message_set_id(&m, "", slice_of(id));
    return m;
}

static void assert_encoded(const char *body, const char *id, const char *expected)
{
    struct queue_message m = message_with(body, id);
    struct problem p;
    struct buf out;

    buf_init(&out, 1000);
    assert_int_equal(queue_message_encode(&m, "", &out, &p), ERR_OK);
    assert_string_equal(buf_str(&out), expected);
    buf_finish(&out);
    queue_message_finish(&m);
}

static void message_gets_the_id_of_the_queue(void **state)
{
    (void)state;
    assert_encoded("{\"userId\":\"a\",\"json\":1.50}", "q/1-2",
        "{\"messageId\":\"q/1-2\",\"userId\":\"a\",\"json\":1.50}");
    assert_encoded(" { } ", "1", "{\"messageId\":\"1\"}");
    assert_encoded("{\"userId\" : \"\\u0061\"}", "", "{\"userId\":\"\\u0061\"}");
}

static void own_message_id_is_kept(void **state)
{
    (void)state;
    assert_encoded(
        "{\"json\":1,\"messageId\":\"mine\"}", "q", "{\"json\":1,\"messageId\":\"mine\"}");
    assert_encoded("{\"message\\u0049d\":\"mine\"}", "q", "{\"message\\u0049d\":\"mine\"}");
    assert_encoded(
        "{\"json\":{\"messageId\":1}}", "q", "{\"messageId\":\"q\",\"json\":{\"messageId\":1}}");
}

static void what_is_for_a_waiting_caller_is_left_out(void **state)
{
    (void)state;
    assert_encoded(
        "{\"wait\":\"ack\",\"json\":{\"wait\":1},\"timeoutMs\":5}", "", "{\"json\":{\"wait\":1}}");
    assert_encoded("{\"json\":1,\"wait\":\"ack\"}", "", "{\"json\":1}");
}

static void what_is_no_object_adds_nothing(void **state)
{
    static const struct {
        const char *body;
        enum err err;
    } cases[] = {
        {"", ERR_NOT_JSON},
        {"{\"a\":1", ERR_NOT_JSON},
        {"{}},{\"a\":1}", ERR_NOT_JSON},
        {"{'a':1}", ERR_NOT_JSON},
        {"{\"a\":\"\xff\"}", ERR_BAD_UTF8},
        {"[{}]", ERR_WRONG_TYPE},
        {"null", ERR_WRONG_TYPE},
        {"\"{}\"", ERR_WRONG_TYPE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct queue_message m = message_with(cases[i].body, "q");
        struct problem p = {.err = ERR_OK};
        struct buf out;

        buf_init(&out, 1000);
        assert_int_equal(queue_message_encode(&m, ",", &out, &p), cases[i].err);
        assert_int_equal(p.err, cases[i].err);
        assert_int_equal(out.len, 0);
        buf_finish(&out);
        queue_message_finish(&m);
    }
}

/* The encoded message, cut at each byte, is refused or is a whole one. */
static void cut_bodies_are_refused(void **state)
{
    const char *body = "{\"userId\":\"a\",\"json\":{\"b\":[1,\"\\u00e9\"]}}";
    struct problem p;

    (void)state;
    for (size_t len = 0; len < strlen(body); len++) {
        struct queue_message m = message_with("", "q");
        struct buf out;

        buf_init(&out, 1000);
        buf_add(&m.body, body, len);
        assert_int_equal(queue_message_encode(&m, "", &out, &p), ERR_NOT_JSON);
        buf_finish(&out);
        queue_message_finish(&m);
    }
}

static void assert_id(const char *space, const char *id, const char *expected)
{
    struct queue_message m;

    queue_message_init(&m);
    queue_message_set_id(&m, space, slice_of(id));
    assert_string_equal(m.id, expected);
    queue_message_finish(&m);
}

static void ids_that_cannot_be_message_ids_are_hashed(void **state)
{
    char longest[129];

    (void)state;
    memset(longest, 'a', 128);
    longest[128] = '\0';
    assert_id("orders/", "17-0", "orders/17-0");
    assert_id("", longest, longest);
    /* printf %s '…' | sha256sum */
    assert_id("", "a b", "c8687a08aa5d6ed2044328fa6a697ab8e96dc34291e8c2034ae8c38e6fcc6d65");
    assert_id("{a}/", "1-0", "29bb5769a8d26dd4f1eaee8e6c65fc5e209da78b4277ad6726ef69a1a8d16378");
    assert_id("a", longest, "c12cb024a2e5551cca0e08fce8f1c5e314555cc3fef6329ee994a3db752166ae");
    assert_id("orders/", "", "");
}

static void moved_message_leaves_nothing(void **state)
{
    struct queue_message from = message_with("{}", "q");
    struct queue_message to;

    (void)state;
    queue_message_move(&to, &from);
    assert_string_equal(buf_str(&to.body), "{}");
    assert_string_equal(to.id, "q");
    assert_int_equal(from.body.len, 0);
    assert_string_equal(from.id, "");
    queue_message_finish(&to);
    queue_message_finish(&from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_gets_the_id_of_the_queue),
        cmocka_unit_test(own_message_id_is_kept),
        cmocka_unit_test(what_is_for_a_waiting_caller_is_left_out),
        cmocka_unit_test(what_is_no_object_adds_nothing),
        cmocka_unit_test(cut_bodies_are_refused),
        cmocka_unit_test(ids_that_cannot_be_message_ids_are_hashed),
        cmocka_unit_test(moved_message_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
