/*
 * Reads and writes WebSocket frames. Who reads has no say in what a frame means for a session.
 */
#include "wsnode/ws_frame.h"

#include <string.h>

#define FINAL 0x80
#define RESERVED 0x70
#define OPCODE 0x0F
#define MASKED 0x80
#define LENGTH 0x7F
#define LENGTH_IN_2_BYTES 126
#define LENGTH_IN_8_BYTES 127
#define START_BYTES 2
#define MASK_BYTES 4

void ws_decoder_init(struct ws_decoder *d, size_t message_max_bytes)
{
    *d = (struct ws_decoder){.message_max_bytes = message_max_bytes};
    buf_init(&d->message, message_max_bytes);
}

void ws_decoder_finish(struct ws_decoder *d)
{
    buf_finish(&d->message);
}

bool ws_decoder_is_idle(const struct ws_decoder *d)
{
    return d->head_bytes == 0 && !d->in_message;
}

static enum ws_event fail(struct ws_decoder *d, enum close_reason failure)
{
    d->failure = failure;
    return WS_FAILED;
}

static enum ws_opcode opcode_of(const struct ws_decoder *d)
{
    return (enum ws_opcode)(d->head[0] & OPCODE);
}

static bool is_final(const struct ws_decoder *d)
{
    return (d->head[0] & FINAL) != 0;
}

static bool is_control(const struct ws_decoder *d)
{
    return opcode_of(d) >= WS_CLOSE;
}

static unsigned char *take(struct ws_bytes *in, size_t len)
{
    unsigned char *at = in->at;

    *in = (struct ws_bytes){at + len, in->len - len};
    return at;
}

/* What the first two bytes of a header must be. WS_NEEDS_MORE: that. */
static enum ws_event check_start(struct ws_decoder *d)
{
    bool known = opcode_of(d) <= WS_BINARY || (is_control(d) && opcode_of(d) <= WS_PONG);

    if ((d->head[0] & RESERVED) || !(d->head[1] & MASKED) || !known) {
        return fail(d, CLOSE_PROTOCOL);
    }
    if (is_control(d)) {
        bool small = (d->head[1] & LENGTH) <= WS_CONTROL_BYTES_MAX;
        return is_final(d) && small ? WS_NEEDS_MORE : fail(d, CLOSE_PROTOCOL);
    }
    if (d->in_message != (opcode_of(d) == WS_CONTINUATION)) {
        return fail(d, CLOSE_PROTOCOL);
    }
    return opcode_of(d) == WS_BINARY ? fail(d, CLOSE_BAD_DATA) : WS_NEEDS_MORE;
}

/* How many bytes the length takes in its long form. */
static size_t long_length_bytes(const struct ws_decoder *d)
{
    switch (d->head[1] & LENGTH) {
    case LENGTH_IN_2_BYTES:
        return 2;
    case LENGTH_IN_8_BYTES:
        return 8;
    default:
        return 0;
    }
}

/* A complete header: 5.2 wants the shortest form of the length, and no sign. */
static enum ws_event read_size(struct ws_decoder *d)
{
    static const uint64_t least[] = {[0] = 0, [2] = LENGTH_IN_2_BYTES, [8] = 0x10000};
    size_t bytes = long_length_bytes(d);

    d->size = bytes == 0 ? d->head[1] & LENGTH : 0;
    for (size_t i = 0; i < bytes; i++) {
        d->size = d->size << 8 | d->head[START_BYTES + i];
    }
    if (d->size < least[bytes] || d->size > INT64_MAX) {
        return fail(d, CLOSE_PROTOCOL);
    }
    if (!is_control(d) && d->size > d->message_max_bytes - d->message.len) {
        return fail(d, CLOSE_TOO_BIG);
    }
    d->left = d->size;
    d->in_payload = true;
    return WS_NEEDS_MORE;
}

static bool head_has(struct ws_decoder *d, struct ws_bytes *in, size_t wanted)
{
    size_t missing = wanted > d->head_bytes ? wanted - d->head_bytes : 0;
    size_t len = missing < in->len ? missing : in->len;

    if (len > 0) {
        memcpy(d->head + d->head_bytes, take(in, len), len);
        d->head_bytes += len;
    }
    return len == missing;
}

/* WS_NEEDS_MORE, or WS_FAILED. in_payload says that the header is complete. */
static enum ws_event take_head(struct ws_decoder *d, struct ws_bytes *in)
{
    bool had_start = d->head_bytes >= START_BYTES;

    if (!head_has(d, in, START_BYTES)) {
        return WS_NEEDS_MORE;
    }
    if (!had_start && check_start(d) == WS_FAILED) {
        return WS_FAILED;
    }
    if (!head_has(d, in, START_BYTES + long_length_bytes(d) + MASK_BYTES)) {
        return WS_NEEDS_MORE;
    }
    return read_size(d);
}

/* What has come of the frame's payload, unmasked (5.3). */
static struct slice take_payload(struct ws_decoder *d, struct ws_bytes *in)
{
    const unsigned char *mask = d->head + d->head_bytes - MASK_BYTES;
    uint64_t position = d->size - d->left;
    size_t len = d->left < in->len ? (size_t)d->left : in->len;
    unsigned char *at = take(in, len);

    for (size_t i = 0; i < len; i++) {
        at[i] ^= mask[(position + i) % MASK_BYTES];
    }
    d->left -= len;
    return (struct slice){(const char *)at, len};
}

static void end_frame(struct ws_decoder *d)
{
    d->head_bytes = 0;
    d->in_payload = false;
}

/* RFC 6455 7.4: 1004 to 1006 and 1015 are never sent, the other ranges belong to nobody. */
static bool is_code(unsigned code)
{
    return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) ||
           (code >= 3000 && code <= 4999);
}

static enum ws_event check_close(struct ws_decoder *d, struct slice payload)
{
    struct utf8_check reason = {0};

    if (payload.len == 0) {
        return WS_CLOSED;
    }
    const unsigned char *code = (const unsigned char *)payload.at;
    if (payload.len < WS_CLOSE_CODE_BYTES || !is_code((unsigned)code[0] << 8 | code[1])) {
        return fail(d, CLOSE_PROTOCOL);
    }
    bool valid = utf8_check_add(
        &reason, payload.at + WS_CLOSE_CODE_BYTES, payload.len - WS_CLOSE_CODE_BYTES);
    return valid && utf8_check_is_whole(&reason) ? WS_CLOSED : fail(d, CLOSE_BAD_UTF8);
}

static enum ws_event take_control(struct ws_decoder *d, struct ws_bytes *in, struct slice *payload)
{
    struct slice piece = take_payload(d, in);

    if (piece.len < d->size) {
        size_t so_far = (size_t)(d->size - d->left);
        memcpy(d->control + so_far - piece.len, piece.at, piece.len);
        piece = (struct slice){(const char *)d->control, so_far};
    }
    if (d->left > 0) {
        return WS_NEEDS_MORE;
    }
    *payload = piece;
    end_frame(d);
    switch (opcode_of(d)) {
    case WS_PING:
        return WS_PINGED;
    case WS_PONG:
        return WS_PONGED;
    default:
        return check_close(d, piece);
    }
}

static enum ws_event give_message(struct ws_decoder *d, struct slice text, struct slice *payload)
{
    if (!utf8_check_is_whole(&d->utf8)) {
        return fail(d, CLOSE_BAD_UTF8);
    }
    d->given = true;
    *payload = text;
    return WS_MESSAGE;
}

static enum ws_event take_text(struct ws_decoder *d, struct ws_bytes *in, struct slice *payload)
{
    struct slice piece = take_payload(d, in);

    if (!utf8_check_add(&d->utf8, piece.at, piece.len)) {
        return fail(d, CLOSE_BAD_UTF8);
    }
    bool frame_ends = d->left == 0;
    bool ends = frame_ends && is_final(d);
    d->in_message = !ends;
    if (frame_ends) {
        end_frame(d);
    }
    if (ends && d->message.len == 0) {
        return give_message(d, piece, payload);
    }
    if (!ends && d->size == 0) {
        *payload = piece;
        return WS_EMPTY;
    }
    buf_add(&d->message, piece.at, piece.len);
    if (buf_err(&d->message) != ERR_OK) {
        return fail(d, CLOSE_TOO_BIG);
    }
    struct slice text = {buf_str(&d->message), d->message.len};
    return ends ? give_message(d, text, payload) : WS_NEEDS_MORE;
}

static void forget_given(struct ws_decoder *d)
{
    if (d->given) {
        buf_finish(&d->message);
        buf_init(&d->message, d->message_max_bytes);
        d->given = false;
    }
}

enum ws_event ws_decoder_next(struct ws_decoder *d, struct ws_bytes *in, struct slice *payload)
{
    enum ws_event event = WS_NEEDS_MORE;

    forget_given(d);
    do {
        if (!d->in_payload) {
            event = take_head(d, in);
        }
        if (d->in_payload) {
            event = is_control(d) ? take_control(d, in, payload) : take_text(d, in, payload);
        }
    } while (event == WS_NEEDS_MORE && in->len > 0);
    return event;
}

/* The bytes that a long form of the length takes. */
static size_t long_bytes_of(size_t len)
{
    if (len < LENGTH_IN_2_BYTES) {
        return 0;
    }
    return len < 0x10000 ? 2 : 8;
}

size_t ws_frame_head_bytes(size_t len)
{
    return START_BYTES + long_bytes_of(len);
}

size_t ws_frame_write_head(struct payload *p, enum ws_opcode opcode)
{
    static const unsigned char long_forms[] = {[2] = LENGTH_IN_2_BYTES, [8] = LENGTH_IN_8_BYTES};
    size_t long_bytes = long_bytes_of(p->len);
    unsigned char *head = payload_bytes(p) - ws_frame_head_bytes(p->len);
    uint64_t rest = p->len;

    head[0] = (unsigned char)(FINAL | opcode);
    head[1] = long_bytes > 0 ? long_forms[long_bytes] : (unsigned char)p->len;
    for (size_t i = long_bytes; i > 0; i--) {
        head[START_BYTES + i - 1] = (unsigned char)(rest & 0xFF);
        rest >>= 8;
    }
    return ws_frame_head_bytes(p->len);
}
