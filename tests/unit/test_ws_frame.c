/*
 * Frames, whole and in every way in which they can be cut; what RFC 6455 forbids; and headers as
 * the node writes them. The wire's side of the same is in tests/integration/test_16_conformance.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wsnode/ws_frame.h"

#define MESSAGE_MAX 70000
#define TEXT 0x81
#define TEXT_GOES_ON 0x01
#define MORE 0x00
#define LAST 0x80
#define CLOSE 0x88
#define PING 0x89
#define PONG 0x8A

static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};

static void add_head(struct buf *out, unsigned char start, uint64_t len, size_t long_bytes)
{
    buf_add_char(out, (char)start);
    buf_add_char(out, (char)(0x80 | (long_bytes == 0 ? len : long_bytes == 2 ? 126 : 127)));
    for (size_t i = long_bytes; i > 0; i--) {
        buf_add_char(out, (char)(len >> (8 * (i - 1))));
    }
    buf_add(out, mask, sizeof(mask));
}

static void add(struct buf *out, unsigned char start, const void *payload, size_t len)
{
    const unsigned char *at = payload;

    add_head(out, start, len, len < 126 ? 0 : len < 65536 ? 2 : 8);
    for (size_t i = 0; i < len; i++) {
        buf_add_char(out, (char)(at[i] ^ mask[i % 4]));
    }
}

static void add_text(struct buf *out, unsigned char start, const char *payload)
{
    add(out, start, payload, strlen(payload));
}

/* What came out, as text: "text(hello) ping(x) failed(1002)". */
static void tell(struct buf *story, const struct ws_decoder *d, enum ws_event e, struct slice p)
{
    static const char *const names[] = {[WS_MESSAGE] = "text",
        [WS_EMPTY] = "empty",
        [WS_PINGED] = "ping",
        [WS_PONGED] = "pong",
        [WS_CLOSED] = "close"};

    if (e == WS_FAILED) {
        buf_addf(story, "failed(%d) ", d->failure);
    } else if (e != WS_NEEDS_MORE) {
        buf_addf(story, "%s(%.*s) ", names[e], (int)p.len, p.at);
    }
}

/* Decodes a copy, in pieces of so many bytes; true: nothing is left over. */
static bool decode(const struct buf *bytes, size_t piece_bytes, struct buf *story)
{
    struct ws_decoder d;
    enum ws_event event = WS_NEEDS_MORE;
    struct slice payload = {NULL, 0};

    buf_reset(story);
    ws_decoder_init(&d, MESSAGE_MAX);
    for (size_t at = 0; at < bytes->len && event != WS_FAILED; at += piece_bytes) {
        size_t len = bytes->len - at < piece_bytes ? bytes->len - at : piece_bytes;
        unsigned char *piece = malloc(len); /* of this size, so that the sanitizer sees overruns */
        assert_non_null(piece);
        memcpy(piece, bytes->bytes + at, len);
        struct ws_bytes in = {piece, len};
        do {
            event = ws_decoder_next(&d, &in, &payload);
            tell(story, &d, event, payload);
        } while (event != WS_NEEDS_MORE && event != WS_FAILED);
        free(piece);
    }
    bool idle = ws_decoder_is_idle(&d);
    ws_decoder_finish(&d);
    return idle && event != WS_FAILED;
}

/* The same story in pieces of any size, and no more of it if the end is missing. */
static void assert_story(struct buf *bytes, const char *expected)
{
    static const size_t pieces[] = {1, 2, 3, 7, 125, SIZE_MAX / 2};
    struct buf story;

    buf_init(&story, 1 << 20);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        (void)decode(bytes, pieces[i], &story);
        assert_string_equal(buf_str(&story), expected);
    }
    for (; bytes->len > 0; bytes->len--) {
        (void)decode(bytes, SIZE_MAX / 2, &story);
        assert_memory_equal(buf_str(&story), expected, story.len);
    }
    buf_finish(&story);
    buf_finish(bytes);
}

static struct buf new_buf(void)
{
    struct buf b;

    buf_init(&b, 1 << 20);
    return b;
}

static void messages_and_control_frames_come_out_in_order(void **state)
{
    struct buf b = new_buf();

    (void)state;
    add_text(&b, TEXT, "hello");
    add_text(&b, TEXT, "");
    add_text(&b, PING, "x");
    add_text(&b, PONG, "");
    add_text(&b, TEXT, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    add_text(&b, CLOSE,
        "\x0F\xA0"
        "bye");
    assert_story(&b, "text(hello) text() ping(x) pong() text(\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80) "
                     "close(\x0F\xA0"
                     "bye) ");
}

static void fragments_are_joined_around_control_frames(void **state)
{
    struct buf b = new_buf();

    (void)state;
    add_text(&b, TEXT_GOES_ON, "one ");
    add_text(&b, PING, "between");
    add_text(&b, MORE, "");
    add_text(&b, MORE, "\xE2\x82");
    add_text(&b, PONG, "too");
    add_text(&b, LAST, "\xAC");
    add_text(&b, TEXT_GOES_ON, "");
    add_text(&b, LAST, "");
    add_text(&b, TEXT, "two");
    assert_story(&b, "ping(between) empty() pong(too) text(one \xE2\x82\xAC) empty() text() "
                     "text(two) ");
}

static void frames_of_every_size_come_out_whole(void **state)
{
    static const size_t sizes[] = {0, 1, 124, 125, 126, 127, 128, 65535, 65536, MESSAGE_MAX};
    char *text = malloc(MESSAGE_MAX);
    struct buf story = new_buf();

    (void)state;
    assert_non_null(text);
    memset(text, 'x', MESSAGE_MAX);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct buf b = new_buf();
        add(&b, TEXT, text, sizes[i]);
        assert_true(decode(&b, 1000, &story));
        assert_int_equal(story.len, sizes[i] + strlen("text() "));
        assert_true(decode(&b, SIZE_MAX / 2, &story));
        assert_int_equal(story.len, sizes[i] + strlen("text() "));
        buf_finish(&b);
    }
    buf_finish(&story);
    free(text);
}

static void assert_fails(struct buf *b, const char *expected)
{
    struct buf story = new_buf();

    assert_false(decode(b, SIZE_MAX / 2, &story));
    assert_string_equal(buf_str(&story), expected);
    assert_false(decode(b, 1, &story));
    assert_string_equal(buf_str(&story), expected);
    buf_finish(&story);
    buf_finish(b);
}

static void assert_start_fails(unsigned char first, unsigned char second, const char *expected)
{
    struct buf b = new_buf();

    buf_add_char(&b, (char)first);
    buf_add_char(&b, (char)second);
    assert_fails(&b, expected);
}

static void what_the_rfc_forbids_fails_at_the_first_bytes(void **state)
{
    (void)state;
    assert_start_fails(TEXT, 0x05, "failed(1002) "); /* unmasked */
    assert_start_fails(TEXT | 0x40, 0x85, "failed(1002) ");
    assert_start_fails(TEXT | 0x20, 0x85, "failed(1002) ");
    assert_start_fails(TEXT | 0x10, 0x85, "failed(1002) ");
    assert_start_fails(PING | 0x40, 0x80, "failed(1002) ");
    assert_start_fails(LAST, 0x80, "failed(1002) ");        /* continues nothing */
    assert_start_fails(PING & 0x7F, 0x80, "failed(1002) "); /* a fragmented control frame */
    assert_start_fails(PING, 0xFE, "failed(1002) ");        /* a long one */
    assert_start_fails(0x82, 0x80, "failed(1003) ");
    for (unsigned char opcode = 0; opcode < 16; opcode++) {
        if ((opcode > 2 && opcode < 8) || opcode > 10) {
            assert_start_fails(0x80 | opcode, 0x80, "failed(1002) ");
        }
    }
}

static void a_message_may_not_begin_within_another(void **state)
{
    (void)state;
    for (unsigned char opcode = 1; opcode <= 2; opcode++) {
        struct buf b = new_buf();
        add_text(&b, TEXT_GOES_ON, "a");
        add_text(&b, 0x80 | opcode, "b");
        assert_fails(&b, "failed(1002) ");
    }
}

static void lengths_have_one_form_only(void **state)
{
    static const struct {
        uint64_t len;
        size_t long_bytes;
    } cases[] = {{125, 2}, {0, 2}, {65535, 8}, {0, 8}, {UINT64_MAX, 8}, {UINT64_C(1) << 63, 8}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b = new_buf();
        add_head(&b, TEXT, cases[i].len, cases[i].long_bytes);
        assert_fails(&b, "failed(1002) ");
    }
}

static void too_much_is_known_from_the_header(void **state)
{
    struct buf b = new_buf();

    (void)state;
    add_head(&b, TEXT, MESSAGE_MAX + 1, 8);
    assert_fails(&b, "failed(1009) ");
    b = new_buf();
    add_head(&b, TEXT, INT64_MAX, 8);
    assert_fails(&b, "failed(1009) ");
    b = new_buf();
    add_text(&b, TEXT_GOES_ON, "x");
    add_head(&b, LAST, MESSAGE_MAX, 8);
    assert_fails(&b, "failed(1009) ");
}

static void bad_utf8_fails_at_its_first_bad_byte(void **state)
{
    static const char *const bad[] = {"a\x80", "\xC0", "\xED\xA0", "\xF4\x90", "\xF5", "\xE2(",
        "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xF4\x90"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf b = new_buf();
        add_head(&b, TEXT, 100, 0); /* most of it never comes */
        for (size_t j = 0; bad[i][j]; j++) {
            buf_add_char(&b, (char)(bad[i][j] ^ mask[j % 4]));
        }
        assert_fails(&b, "failed(1007) ");
    }
}

static void a_message_may_not_end_within_a_character(void **state)
{
    struct buf b = new_buf();

    (void)state;
    add_text(&b, TEXT, "\xE2\x82");
    assert_fails(&b, "failed(1007) ");
    b = new_buf();
    add_text(&b, TEXT_GOES_ON, "\xE2\x82");
    add_text(&b, LAST, "");
    assert_fails(&b, "failed(1007) ");
}

static void close_codes_are_those_that_may_be_sent(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 65536; code++) {
        bool good = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                    (code >= 3000 && code <= 4999);
        char payload[] = {(char)(code >> 8), (char)(code & 0xFF)};
        struct buf b = new_buf();
        struct buf story = new_buf();
        add(&b, CLOSE, payload, sizeof(payload));
        assert_true(decode(&b, SIZE_MAX / 2, &story) == good);
        assert_memory_equal(buf_str(&story), good ? "close(" : "failed(1002)", good ? 6 : 12);
        buf_finish(&b);
        buf_finish(&story);
    }
}

static void close_payloads_are_a_code_and_utf8_or_nothing(void **state)
{
    struct buf b = new_buf();

    (void)state;
    add_text(&b, CLOSE, "");
    assert_story(&b, "close() ");
    b = new_buf();
    add_text(&b, CLOSE, "\x03");
    assert_fails(&b, "failed(1002) ");
    b = new_buf();
    add_text(&b, CLOSE, "\x03\xE8\xC3");
    assert_fails(&b, "failed(1007) ");
}

static void assert_head(size_t len, const char *expected, size_t expected_bytes)
{
    char *text = calloc(1, len + 1);
    struct payload *p = payload_create(text, len);

    assert_non_null(p);
    assert_int_equal(ws_frame_write_head(p, WS_TEXT), expected_bytes);
    assert_int_equal(ws_frame_head_bytes(len), expected_bytes);
    assert_memory_equal(payload_bytes(p) - expected_bytes, expected, expected_bytes);
    payload_unref(p);
    free(text);
}

static void headers_are_written_in_their_shortest_form(void **state)
{
    (void)state;
    assert_head(0, "\x81\x00", 2);
    assert_head(125, "\x81\x7D", 2);
    assert_head(126, "\x81\x7E\x00\x7E", 4);
    assert_head(65535, "\x81\x7E\xFF\xFF", 4);
    assert_head(65536, "\x81\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_and_control_frames_come_out_in_order),
        cmocka_unit_test(fragments_are_joined_around_control_frames),
        cmocka_unit_test(frames_of_every_size_come_out_whole),
        cmocka_unit_test(what_the_rfc_forbids_fails_at_the_first_bytes),
        cmocka_unit_test(a_message_may_not_begin_within_another),
        cmocka_unit_test(lengths_have_one_form_only),
        cmocka_unit_test(too_much_is_known_from_the_header),
        cmocka_unit_test(bad_utf8_fails_at_its_first_bad_byte),
        cmocka_unit_test(a_message_may_not_end_within_a_character),
        cmocka_unit_test(close_codes_are_those_that_may_be_sent),
        cmocka_unit_test(close_payloads_are_a_code_and_utf8_or_nothing),
        cmocka_unit_test(headers_are_written_in_their_shortest_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
