/*
 * Bytes that grow up to a cap.
 */
#include "shared/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/parse.h"

#define FIRST_CAP 64

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){.max = max_bytes};
}

void buf_finish(struct buf *b)
{
    free(b->bytes);
    buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->err = ERR_OK;
    if (b->bytes) {
        b->bytes[0] = '\0';
    }
}

/* Makes room for `more` bytes and the NUL. False, with the error noted, where that cannot be. */
static bool reserve(struct buf *b, size_t more)
{
    if (b->err != ERR_OK) {
        return false;
    }
    if (more > b->max - b->len) {
        b->err = ERR_BODY_TOO_LARGE;
        return false;
    }
    size_t needed = b->len + more + 1;
    if (needed <= b->cap) {
        return true;
    }
    size_t cap = b->cap > 0 ? b->cap : FIRST_CAP;
    while (cap < needed) {
        cap *= 2;
    }
    char *bytes = realloc(b->bytes, cap);
    if (!bytes) {
        b->err = ERR_NO_MEMORY;
        return false;
    }
    b->bytes = bytes;
    b->cap = cap;
    return true;
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
    if (len == 0 || !reserve(b, len)) {
        return;
    }
    memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
    b->bytes[b->len] = '\0';
}

void buf_add_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_add_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_add_u64(struct buf *b, uint64_t value)
{
    char digits[DECIMAL_BYTES_MAX];

    buf_add(b, digits, format_u64(value, digits));
}

void buf_addf(struct buf *b, const char *format, ...)
{
    va_list args;

    /* It mostly fits into what there is. */
    size_t room = b->err ? 0 : b->cap - b->len;
    va_start(args, format);
    int len = vsnprintf(room ? b->bytes + b->len : NULL, room, format, args);
    va_end(args);
    assert(len >= 0);
    if (!reserve(b, (size_t)len)) {
        if (room) {
            b->bytes[b->len] = '\0';
        }
        return;
    }
    if ((size_t)len >= room) {
        va_start(args, format);
        vsnprintf(b->bytes + b->len, (size_t)len + 1, format, args);
        va_end(args);
    }
    b->len += (size_t)len;
}

/* The letter of a two-character escape, or 0 where JSON has none for this character. */
static char short_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

void buf_add_json_string(struct buf *b, const char *s, size_t len)
{
    size_t plain = 0; /* where the run of characters that need no escape starts */

    buf_add_char(b, '"');
    for (size_t i = 0; i < len; i++) {
        char escape = short_escape(s[i]);
        if (!escape && (unsigned char)s[i] >= 0x20) {
            continue;
        }
        buf_add(b, s + plain, i - plain);
        plain = i + 1;
        if (escape) {
            buf_add(b, (char[]){'\\', escape}, 2);
        } else {
            buf_addf(b, "\\u%04x", (unsigned)s[i]);
        }
    }
    buf_add(b, s + plain, len - plain);
    buf_add_char(b, '"');
}

void buf_add_json_member(struct buf *b, const char *name, const char *value)
{
    buf_add_char(b, '"');
    buf_add_str(b, name);
    buf_add_str(b, "\":");
    buf_add_json_string(b, value, strlen(value));
    buf_add_char(b, ',');
}

enum err buf_err(const struct buf *b)
{
    return b->err;
}

const char *buf_str(const struct buf *b)
{
    return b->bytes ? b->bytes : "";
}
