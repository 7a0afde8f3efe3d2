/*
 * Frames of clients. However the bytes are cut, the same events come; texts are UTF-8 and no longer
 * than allowed, control frames as long as the RFC lets them be.
 */
#include "shared/json.h"
#include "tests/fuzz/fuzz.h"
#include "wsnode/ws_frame.h"

#define MESSAGE_BYTES_MAX 300

static void check_payload(enum ws_event event, struct slice payload)
{
    if (event == WS_MESSAGE) {
        assert(payload.len <= MESSAGE_BYTES_MAX && json_utf8_valid(payload.at, payload.len));
    } else {
        assert(payload.len <= WS_CONTROL_BYTES_MAX);
    }
    if (event == WS_CLOSED) {
        assert(payload.len != 1);
    }
}

static void write_down(enum ws_event event, struct slice payload, struct buf *events)
{
    buf_addf(events, "%d %zu ", (int)event, payload.len);
    buf_add(events, payload.at, payload.len);
}

/* Decodes in pieces of so many bytes, and writes down what came. */
static void decode(struct slice input, size_t piece, struct buf *events)
{
    struct ws_decoder d;
    struct slice payload = {NULL, 0};
    enum ws_event event = WS_NEEDS_MORE;
    char *copy = fuzz_string(input); /* it is unmasked in place */

    ws_decoder_init(&d, MESSAGE_BYTES_MAX);
    for (size_t at = 0; at < input.len && event != WS_FAILED; at += piece) {
        size_t len = input.len - at < piece ? input.len - at : piece;
        struct ws_bytes in = {(unsigned char *)copy + at, len};

        while (
            (event = ws_decoder_next(&d, &in, &payload)) != WS_NEEDS_MORE && event != WS_FAILED) {
            check_payload(event, payload);
            write_down(event, payload, events);
        }
        assert(event == WS_FAILED || in.len == 0);
    }
    if (event == WS_FAILED) {
        buf_addf(events, "failed %d", (int)d.failure);
    }
    ws_decoder_finish(&d);
    free(copy);
}

void fuzz(struct slice input)
{
    static const size_t pieces[] = {1, 2, 7, 130};
    struct buf whole;

    buf_init(&whole, 64 * input.len + 4096);
    decode(input, input.len + 1, &whole);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct buf cut;

        buf_init(&cut, 64 * input.len + 4096);
        decode(input, pieces[i], &cut);
        assert(fuzz_equal(fuzz_bytes(&cut), fuzz_bytes(&whole)));
        buf_finish(&cut);
    }
    buf_finish(&whole);
}
