/*
 * WebSocket frames as a server reads and writes them (RFC 6455 5); no I/O. The decoder takes bytes
 * as they come and gives whole messages and control frames. It is strict: what the RFC forbids ends
 * the connection, at the first byte that shows it.
 */
#ifndef WSNODE_WS_FRAME_H
#define WSNODE_WS_FRAME_H

#include "shared/utf8.h"
#include "wsnode/session.h"

enum ws_opcode { /* RFC 6455 11.8 */
    WS_CONTINUATION = 0x0,
    WS_TEXT = 0x1,
    WS_BINARY = 0x2,
    WS_CLOSE = 0x8,
    WS_PING = 0x9,
    WS_PONG = 0xA,
};

#define WS_CONTROL_BYTES_MAX 125 /* RFC 6455 5.5 */
#define WS_CLOSE_CODE_BYTES 2
/* A client's: two bytes, the long form of the length, the mask. */
#define WS_CLIENT_HEAD_BYTES_MAX 14

/* Bytes to be read, which the decoder unmasks where they are. */
struct ws_bytes {
    unsigned char *at;
    size_t len;
};

/*
 * What has come of a frame, and of the message that it is a part of. Between messages nothing, so
 * it need not be kept then.
 */
struct ws_decoder {
    size_t message_max_bytes;
    uint64_t size;     /* of the frame's payload */
    uint64_t left;     /* of it, has yet to come */
    size_t head_bytes; /* have come */
    unsigned char head[WS_CLIENT_HEAD_BYTES_MAX];
    bool in_payload;                             /* the header is complete */
    bool in_message;                             /* a text message has begun and not ended */
    bool given;                                  /* message has been given out by the last call */
    struct utf8_check utf8;                      /* of the message so far; clean between messages */
    enum close_reason failure;                   /* after WS_FAILED */
    struct buf message;                          /* owned; the pieces so far */
    unsigned char control[WS_CONTROL_BYTES_MAX]; /* a control frame's payload so far */
};

enum ws_event {
    WS_NEEDS_MORE, /* all bytes are taken */
    WS_MESSAGE,    /* a text, in valid UTF-8 */
    WS_EMPTY,      /* a fragment without a byte, of a message that goes on */
    WS_PINGED,
    WS_PONGED,
    WS_CLOSED, /* payload: nothing, or a code that may be sent and a reason in UTF-8 (7.4) */
    WS_FAILED, /* decoder.failure says why; no further call */
};

void ws_decoder_init(struct ws_decoder *d, size_t message_max_bytes);
void ws_decoder_finish(struct ws_decoder *d);
/* Nothing has begun: it may be finished, and a new one go on. */
bool ws_decoder_is_idle(const struct ws_decoder *d);

/*
 * Takes bytes from in (and moves its beginning behind them) up to the next event. *payload is set
 * with all events but WS_NEEDS_MORE and WS_FAILED, and is good until the next call: it lies in in,
 * if all of it did, so that small messages are never copied.
 * Failures: PROTOCOL; BAD_DATA (a binary message); BAD_UTF8; TOO_BIG (a message above its limit,
 * known from a header, or one for which there is no memory).
 */
enum ws_event ws_decoder_next(struct ws_decoder *d, struct ws_bytes *in, struct slice *payload);

/*
 * Writes the header of a whole, unmasked frame into the headroom right before p's bytes, and
 * returns its length: PAYLOAD_HEADROOM_BYTES at most. With the same opcode it is the same for every
 * receiver, so payloads can be shared.
 */
size_t ws_frame_write_head(struct payload *p, enum ws_opcode opcode);
size_t ws_frame_head_bytes(size_t len); /* the header's length, of a payload of len bytes */

#endif
