/*
 * Bytes that grow up to a cap. A failed addition (cap reached, no memory) sticks: later ones do
 * nothing, and buf_err() tells, so that a builder checks once at its end. The bytes are always
 * followed by a NUL that does not count.
 */
#ifndef SHARED_BUF_H
#define SHARED_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "shared/err.h"
#include "shared/slice.h"

struct buf {
    char *bytes; /* owned; NULL until the first byte */
    size_t len;
    size_t cap;
    size_t max; /* most bytes that len may reach */
    enum err err;
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_finish(struct buf *b); /* frees; b may be initialised again */
void buf_reset(struct buf *b);  /* empties, keeps the memory, forgets the error */
void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_add_str(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_add_u64(struct buf *b, uint64_t value); /* in decimal */
void buf_addf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
/* In quotes, escaped as RFC 8259 7 has it; s is UTF-8. */
void buf_add_json_string(struct buf *b, const char *s, size_t len);
void buf_add_json_member(struct buf *b, const char *name, const char *value); /* "name":"value", */
/* ERR_OK, ERR_BODY_TOO_LARGE (cap) or ERR_NO_MEMORY. */
enum err buf_err(const struct buf *b) MUST_CHECK;
/* The bytes as a string; "" where there are none. Borrowed until the next change. */
const char *buf_str(const struct buf *b);

#endif
