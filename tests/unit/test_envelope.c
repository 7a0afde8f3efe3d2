/* What fcgi-send and a node say to each other: whole, cut at each byte, and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/envelope.h"

#define A "AAAAAAAAAAAAAAAAAAAAAA"
#define B "BBBBBBBBBBBBBBBBBBBBBB"
#define LINE(messages)                                                                             \
    "{\"boot\":\"boot1\",\"wait\":\"none\",\"waitMs\":0,\"messages\":[" messages "]}\n"

/* One durable message for two sessions, and one that is not durable. */
static void encode_example(struct buf *out)
{
    char two[][SESSION_ID_BYTES] = {A, B}, one[][SESSION_ID_BYTES] = {B};
    struct envelope_message messages[] = {
        {.durable = true,
            .id = {1764000000000, 2},
            .prev_id = {1764000000000, 1},
            .sessions = two,
            .session_count = 2,
            .payload = slice_of("{\"json\":\"line\\nbreak\"}")},
        {.forward_id = A,
            .sessions = one,
            .session_count = 1,
            .payload = slice_of("{\"msgInfo\":\"x\"}")},
        {.forward_id = B, .group = "pc:home", .payload = slice_of("{\"json\":1}")},
        {.forward_id = B,
            .group = "news/a\"b",
            .sessions = one,
            .session_count = 1,
            .payload = slice_of("{\"json\":2}")},
    };
    struct envelope e = {.boot = "boot1",
        .wait = MESSAGE_WAIT_ACK,
        .wait_ms = 1500,
        .messages = messages,
        .message_count = 4};

    buf_init(out, 65536);
    envelope_encode(&e, out);
    assert_int_equal(buf_err(out), ERR_OK);
}

static struct slice bytes_of(const struct buf *b)
{
    return (struct slice){b->bytes, b->len};
}

static void envelope_comes_back_whole(void **state)
{
    struct envelope e;
    struct buf body;

    (void)state;
    encode_example(&body);
    assert_int_equal(envelope_decode(bytes_of(&body), &e, NULL), ERR_OK);
    assert_string_equal(e.boot, "boot1");
    assert_int_equal(e.wait, MESSAGE_WAIT_ACK);
    assert_int_equal(e.wait_ms, 1500);
    assert_int_equal(e.message_count, 4);
    assert_true(e.messages[0].durable);
    assert_int_equal(e.messages[0].id.n, 2);
    assert_int_equal(e.messages[0].prev_id.n, 1);
    assert_int_equal(e.messages[0].session_count, 2);
    assert_string_equal(e.messages[0].sessions[1], B);
    assert_true(slice_equal(e.messages[0].payload, "{\"json\":\"line\\nbreak\"}"));
    assert_false(e.messages[1].durable);
    assert_string_equal(e.messages[1].forward_id, A);
    assert_true(slice_equal(e.messages[1].payload, "{\"msgInfo\":\"x\"}"));
    assert_string_equal(e.messages[1].group, "");
    assert_string_equal(e.messages[2].group, "pc:home");
    assert_int_equal(e.messages[2].session_count, 0);
    assert_string_equal(e.messages[3].group, "news/a\"b");
    assert_string_equal(e.messages[3].sessions[0], B);
    assert_true(slice_equal(e.messages[3].payload, "{\"json\":2}"));
    envelope_finish(&e);
    buf_finish(&body);
}

static void cut_envelope_is_refused_at_each_byte(void **state)
{
    struct envelope e;
    struct buf body;

    (void)state;
    encode_example(&body);
    for (size_t len = 0; len < body.len; len++) {
        char *cut = malloc(len + 1); /* exactly as long, so that a sanitizer sees a read past it */
        struct problem p = {0};

        memcpy(cut, body.bytes, len);
        assert_int_not_equal(envelope_decode((struct slice){cut, len}, &e, &p), ERR_OK);
        assert_int_not_equal(p.err, ERR_OK);
        free(cut);
    }
    buf_add_char(&body, ' ');
    assert_int_equal(envelope_decode(bytes_of(&body), &e, NULL), ERR_BAD_ENVELOPE);
    buf_finish(&body);
}

static void unknown_members_are_ignored(void **state)
{
    struct envelope e;

    (void)state;
    assert_int_equal(
        envelope_decode(
            slice_of("{\"new\":{},\"boot\":\"b\",\"messages\":[{\"newer\":1,\"forwardId\":\"f\","
                     "\"sessions\":[\"" A "\"],\"bytes\":2}]}\n{}"),
            &e, NULL),
        ERR_OK);
    assert_int_equal(e.wait, MESSAGE_WAIT_NONE);
    envelope_finish(&e);
}

static void wrong_envelopes_name_the_place(void **state)
{
    static const struct {
        const char *body;
        enum err err;
        const char *field;
    } wrong[] = {
        {"", ERR_BAD_ENVELOPE, ""},
        {"{}", ERR_BAD_ENVELOPE, ""},
        {"[]\n", ERR_WRONG_TYPE, ""},
        {"{\n", ERR_NOT_JSON, ""},
        {"{}\n", ERR_MISSING_FIELD, "boot"},
        {"{\"boot\":\"longer than it may be\"}\n", ERR_BAD_VALUE, "boot"},
        {"{\"boot\":\"b\",\"wait\":\"never\"}\n", ERR_BAD_ENVELOPE, "wait"},
        {"{\"boot\":\"b\",\"waitMs\":-1}\n", ERR_OUT_OF_RANGE, "waitMs"},
        {"{\"boot\":\"b\",\"waitMs\":600001}\n", ERR_BAD_ENVELOPE, "waitMs"},
        {"{\"boot\":\"b\",\"waitMs\":9223372036854775806}\n", ERR_BAD_ENVELOPE, "waitMs"},
        {"{\"boot\":\"b\",\"waitMs\":9223372036854775807}\n", ERR_OUT_OF_RANGE, "waitMs"},
        {"{\"boot\":\"b\",\"waitMs\":600000}\n", ERR_BAD_ENVELOPE, "messages"},
        {"{\"boot\":\"b\"}\n", ERR_BAD_ENVELOPE, "messages"},
        {LINE(""), ERR_BAD_ENVELOPE, "messages"},
        {LINE("1"), ERR_WRONG_TYPE, "messages[0]"},
        {LINE("{}"), ERR_MISSING_FIELD, "messages[0].forwardId"},
        {LINE("{\"id\":\"1\"}"), ERR_BAD_ENVELOPE, "messages[0].id"},
        {LINE("{\"id\":\"1-1\"}"), ERR_BAD_ENVELOPE, "messages[0].prevId"},
        {LINE("{\"id\":7}"), ERR_WRONG_TYPE, "messages[0].id"},
        {LINE("{\"id\":\"1-1\",\"prevId\":\"0-0\"}"), ERR_BAD_ENVELOPE, "messages[0].sessions"},
        {LINE("{\"forwardId\":\"f\",\"sessions\":[]}"), ERR_BAD_ENVELOPE, "messages[0].sessions"},
        {LINE("{\"forwardId\":\"f\",\"sessions\":[7]}"), ERR_BAD_ENVELOPE,
            "messages[0].sessions[0]"},
        {LINE("{\"forwardId\":\"f\",\"sessions\":[\"" A "\",\"x\"]}"), ERR_BAD_ENVELOPE,
            "messages[0].sessions[1]"},
        {LINE("{\"forwardId\":\"f\",\"sessions\":[\"" A "\"]}"), ERR_BAD_ENVELOPE,
            "messages[0].bytes"},
        {LINE("{\"forwardId\":\"f\",\"sessions\":[\"" A "\"],\"bytes\":3}") "{}", ERR_BAD_ENVELOPE,
            "messages[0].bytes"},
        {LINE("{\"forwardId\":\"f\",\"sessions\":[\"" A "\"],\"bytes\":9223372036854775807}") "{}",
            ERR_OUT_OF_RANGE, "messages[0].bytes"},
        {LINE("{\"forwardId\":\"f\",\"sessions\":[\"" A "\"],\"bytes\":2}") "[]", ERR_BAD_ENVELOPE,
            "messages[0].bytes"},
        {LINE("{\"forwardId\":\"f\",\"sessions\":[\"" A "\"],\"bytes\":3}") "{]}", ERR_NOT_JSON,
            "messages[0].bytes"},
        {LINE("{\"forwardId\":\"f\",\"sessions\":[\"" A "\"],\"bytes\":2}") "{}{}",
            ERR_BAD_ENVELOPE, "messages"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct problem p = {0};
        struct envelope e;
        enum err err = envelope_decode(slice_of(wrong[i].body), &e, &p);

        if (err != wrong[i].err || strcmp(p.field, wrong[i].field) != 0) {
            fail_msg("%s gave %s at \"%s\"", wrong[i].body, err_name(err), p.field);
        }
    }
}

/* An envelope with so many messages of so many sessions each; the payload of each is {}. */
static enum err decode_large(size_t messages, size_t sessions)
{
    struct envelope_message *list = calloc(messages, sizeof(*list));
    char(*ids)[SESSION_ID_BYTES] = malloc(sessions * sizeof(*ids));
    struct envelope out = {.boot = "b", .messages = list, .message_count = messages}, in;
    struct buf body;
    enum err err;

    for (size_t i = 0; i < sessions; i++) {
        memcpy(ids[i], A, sizeof(ids[i]));
    }
    for (size_t i = 0; i < messages; i++) {
        list[i] = (struct envelope_message){
            .forward_id = B, .sessions = ids, .session_count = sessions, .payload = slice_of("{}")};
    }
    buf_init(&body, 16 * 1024 * 1024);
    envelope_encode(&out, &body);
    err = envelope_decode(bytes_of(&body), &in, NULL);
    if (!err) {
        envelope_finish(&in);
    }
    buf_finish(&body);
    free(ids);
    free(list);
    return err;
}

static void envelope_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(decode_large(ENVELOPE_MESSAGES_MAX, 100), ERR_OK);
    assert_int_equal(decode_large(ENVELOPE_MESSAGES_MAX + 1, 1), ERR_BAD_ENVELOPE);
    assert_int_equal(decode_large(2, ENVELOPE_SESSIONS_MAX / 2 + 1), ERR_BAD_ENVELOPE);
}

static void single_form_is_one_message_for_one_session(void **state)
{
    struct envelope e, again;
    struct buf store;
    static const char body[] = "{\"sessionId\":\"" A "\",\"key\":\"pc:home:u1\",\"userId\":\"u1\","
                               "\"msgTitle\":\"t\",\"json\":{\"n\":1.10}}";

    (void)state;
    buf_init(&store, 1024);
    assert_int_equal(envelope_decode_single(slice_of(body), &e, &store, NULL), ERR_OK);
    assert_string_equal(e.boot, "");
    assert_int_equal(e.message_count, 1);
    assert_false(e.messages[0].durable);
    assert_int_equal(e.messages[0].session_count, 1);
    assert_string_equal(e.messages[0].sessions[0], A);
    assert_string_equal(e.owner.server_client, "pc");
    assert_string_equal(e.owner.user_id, "u1");
    assert_string_equal(e.owner_user_id, "u1");
    assert_true(slice_equal(e.messages[0].payload, "{\"msgTitle\":\"t\",\"json\":{\"n\":1.10}}"));
    buf_reset(&store);
    assert_int_equal(envelope_decode_single(slice_of(body), &again, &store, NULL), ERR_OK);
    assert_string_not_equal(e.messages[0].forward_id, again.messages[0].forward_id);
    envelope_finish(&e);
    envelope_finish(&again);
    buf_finish(&store);
}

static void single_form_is_checked(void **state)
{
    static const struct {
        const char *body;
        enum err err;
        const char *field;
    } wrong[] = {
        {"[]", ERR_WRONG_TYPE, ""},
        {"{\"json\":1}", ERR_MISSING_FIELD, "sessionId"},
        {"{\"sessionId\":\"x\",\"json\":1}", ERR_BAD_VALUE, "sessionId"},
        {"{\"sessionId\":\"" A "\"}", ERR_NO_PAYLOAD, "json"},
        {"{\"sessionId\":\"" A "\",\"json\":1,\"key\":\"a:b\"}", ERR_BAD_ADDRESS, "key"},
        {"{\"sessionId\":\"" A "\",\"json\":1,\"userId\":\"a b\"}", ERR_BAD_ADDRESS, "userId"},
        {"{\"sessionId\":\"" A "\",\"json\":1,\"durable\":true}", ERR_UNKNOWN_FIELD, "durable"},
        {"{\"sessionId\":\"" A "\",\"json\":\"more than the store takes\"}", ERR_PAYLOAD_TOO_LARGE,
            ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct problem p = {0};
        struct envelope e;
        struct buf store;

        buf_init(&store, 20);
        assert_int_equal(
            envelope_decode_single(slice_of(wrong[i].body), &e, &store, &p), wrong[i].err);
        assert_string_equal(p.field, wrong[i].field);
        buf_finish(&store);
    }
}

/* An answer with every status, in two messages. */
static void encode_answer_example(struct buf *out)
{
    struct envelope_status first[] = {{A, DELIVERY_WRITTEN, 840}, {B, DELIVERY_GONE, -1}};
    struct envelope_status second[] = {{A, DELIVERY_QUEUED, 0}, {B, DELIVERY_ACKED, 1},
        {A, DELIVERY_REJECTED, 2}, {B, DELIVERY_UNREACHABLE, -1}};
    struct envelope_answer_message messages[] = {
        {.sessions = first, .session_count = 2},
        {.sessions = second, .session_count = 4},
        {.is_group = true, .counts = {{1, 2, 0, 4, 5, 6, 7}}},
    };
    struct envelope_answer a = {"boot1", messages, 3};

    buf_init(out, 65536);
    envelope_answer_encode(&a, out);
    assert_int_equal(buf_err(out), ERR_OK);
}

static void answer_comes_back_whole(void **state)
{
    struct envelope_answer a;
    struct buf body;

    (void)state;
    encode_answer_example(&body);
    assert_int_equal(envelope_answer_decode(bytes_of(&body), &a, NULL), ERR_OK);
    assert_string_equal(a.boot, "boot1");
    assert_int_equal(a.message_count, 3);
    assert_string_equal(a.messages[0].sessions[0].session_id, A);
    assert_int_equal(a.messages[0].sessions[0].status, DELIVERY_WRITTEN);
    assert_int_equal(a.messages[0].sessions[0].idle_ms, 840);
    assert_int_equal(a.messages[0].sessions[1].status, DELIVERY_GONE);
    assert_int_equal(a.messages[0].sessions[1].idle_ms, -1);
    assert_int_equal(a.messages[1].session_count, 4);
    assert_int_equal(a.messages[1].sessions[2].status, DELIVERY_REJECTED);
    assert_false(a.messages[1].is_group);
    assert_true(a.messages[2].is_group);
    assert_int_equal(a.messages[2].counts.with[DELIVERY_QUEUED], 1);
    assert_int_equal(a.messages[2].counts.with[DELIVERY_WRITTEN], 2);
    assert_int_equal(a.messages[2].counts.with[DELIVERY_REJECTED], 6);
    assert_int_equal(a.messages[2].counts.with[DELIVERY_GONE], 0); /* not told */
    assert_int_equal(envelope_counts_matched(&a.messages[2].counts), 9);
    envelope_answer_finish(&a);
    buf_finish(&body);
}

static void cut_answer_is_refused_at_each_byte(void **state)
{
    struct envelope_answer a;
    struct buf body;

    (void)state;
    encode_answer_example(&body);
    for (size_t len = 0; len < body.len; len++) {
        assert_int_not_equal(
            envelope_answer_decode((struct slice){body.bytes, len}, &a, NULL), ERR_OK);
    }
    buf_finish(&body);
}

#define ANSWER(messages) "{\"code\":0,\"data\":{\"boot\":\"b\",\"messages\":[" messages "]}}"

static void wrong_answers_are_refused(void **state)
{
    static const char *const wrong[] = {
        "{}",
        "{\"code\":41001,\"data\":{\"boot\":\"b\",\"messages\":[]}}",
        "{\"code\":0,\"data\":[]}",
        "{\"code\":0,\"data\":{}}",
        "{\"code\":0,\"data\":{\"boot\":\"b\"}}",
        ANSWER("1"),
        ANSWER("{\"sessions\":[1]}"),
        ANSWER("{\"sessions\":[{\"sessionId\":\"" A "\"}]}"),
        ANSWER("{\"sessions\":[{\"sessionId\":\"" A "\",\"status\":\"lost\"}]}"),
        ANSWER("{\"sessions\":[{\"sessionId\":\"x\",\"status\":\"gone\"}]}"),
    };
    struct envelope_answer a;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct problem p = {0};

        assert_int_not_equal(envelope_answer_decode(slice_of(wrong[i]), &a, &p), ERR_OK);
        assert_true(p.msg[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(envelope_comes_back_whole),
        cmocka_unit_test(cut_envelope_is_refused_at_each_byte),
        cmocka_unit_test(unknown_members_are_ignored),
        cmocka_unit_test(wrong_envelopes_name_the_place),
        cmocka_unit_test(envelope_is_bounded),
        cmocka_unit_test(single_form_is_one_message_for_one_session),
        cmocka_unit_test(single_form_is_checked),
        cmocka_unit_test(answer_comes_back_whole),
        cmocka_unit_test(cut_answer_is_refused_at_each_byte),
        cmocka_unit_test(wrong_answers_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
