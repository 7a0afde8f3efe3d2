/*
 * UTF-8 as RFC 3629 has it: no overlong form, no surrogate, at most U+10FFFF.
 */
#ifndef SHARED_UTF8_H
#define SHARED_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes the character at the start of text takes: 1 to 4, or 0 where none is (also for len
 * 0). */
size_t utf8_char_bytes(const char *text, size_t len);
/* Writes one code point (not a surrogate, at most U+10FFFF) and returns its 1 to 4 bytes. No NUL
 * follows. */
size_t utf8_encode(uint32_t code_point, char out[4]);
/* Removes the piece of a character that a cut has left at the end of a string. */
void utf8_trim(char *text);

/* A text that comes in pieces, which may be cut anywhere. All zero at its beginning. */
struct utf8_check {
    unsigned char missing;   /* bytes that the character which has begun still needs */
    unsigned char low, high; /* what the next of them may be */
};
/* The next piece. false, at the first byte that shows it: no UTF-8 begins like this. */
bool utf8_check_add(struct utf8_check *c, const char *piece, size_t len);
bool utf8_check_is_whole(const struct utf8_check *c); /* the text may end here */

#endif
