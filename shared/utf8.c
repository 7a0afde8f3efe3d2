/*
 * UTF-8: the length of a character, a code point as bytes, a clean end after a cut, a text in
 * pieces.
 */
#include "shared/utf8.h"

#include <string.h>

/* RFC 3629 4: which second bytes may follow a lead byte; the others are 80..BF. */
struct lead {
    unsigned char first, last; /* range of lead bytes */
    unsigned char low, high;   /* range of the second byte */
    unsigned char bytes;
};
static const struct lead leads[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, /* below A0: overlong */
    {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, /* above 9F: surrogates */
    {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4}, /* below 90: overlong */
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}, /* above 8F: over U+10FFFF */
};

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

static const struct lead *find_lead(unsigned char byte)
{
    for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
        if (byte >= leads[i].first && byte <= leads[i].last) {
            return &leads[i];
        }
    }
    return NULL;
}

size_t utf8_char_bytes(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;

    if (len == 0) {
        return 0;
    }
    if (at[0] < 0x80) {
        return 1;
    }
    const struct lead *lead = find_lead(at[0]);
    if (!lead || len < lead->bytes || at[1] < lead->low || at[1] > lead->high) {
        return 0;
    }
    for (size_t i = 2; i < lead->bytes; i++) {
        if (!is_continuation(at[i])) {
            return 0;
        }
    }
    return lead->bytes;
}

size_t utf8_encode(uint32_t code_point, char out[4])
{
    /* The bits that say "first of so many bytes". */
    static const unsigned char marks[] = {0, 0x00, 0xC0, 0xE0, 0xF0};
    size_t bytes = code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;

    for (size_t i = bytes - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3F));
        code_point >>= 6;
    }
    out[0] = (char)(marks[bytes] | code_point);
    return bytes;
}

void utf8_trim(char *text)
{
    size_t len = strlen(text);
    size_t start = len;

    while (start > 0 && is_continuation((unsigned char)text[start - 1])) {
        start--;
    }
    if (start > 0 && (unsigned char)text[start - 1] >= 0x80) {
        start--;
    }
    if (utf8_char_bytes(text + start, len - start) == 0) {
        text[start] = '\0';
    }
}

static bool begin_character(struct utf8_check *c, unsigned char byte)
{
    if (byte < 0x80) {
        return true;
    }
    const struct lead *lead = find_lead(byte);
    if (!lead) {
        return false;
    }
    *c = (struct utf8_check){
        .missing = (unsigned char)(lead->bytes - 1), .low = lead->low, .high = lead->high};
    return true;
}

bool utf8_check_add(struct utf8_check *c, const char *piece, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)piece[i];
        if (c->missing == 0) {
            if (!begin_character(c, byte)) {
                return false;
            }
            continue;
        }
        if (byte < c->low || byte > c->high) {
            return false;
        }
        *c = (struct utf8_check){
            .missing = (unsigned char)(c->missing - 1), .low = 0x80, .high = 0xBF};
    }
    return true;
}

bool utf8_check_is_whole(const struct utf8_check *c)
{
    return c->missing == 0;
}
