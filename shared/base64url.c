/*
 * Six bits per character, the highest first.
 */
#include "shared/base64url.h"

#include <string.h>

static int bits_of(char c)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = memchr(alphabet, c, sizeof(alphabet) - 1);

    return at ? (int)(at - alphabet) : -1;
}

enum err base64url_decode(struct slice text, struct buf *out)
{
    unsigned pending = 0;
    int pending_bits = 0;

    for (size_t i = 0; i < text.len; i++) {
        int bits = bits_of(text.at[i]);
        if (bits < 0) {
            return ERR_BAD_VALUE;
        }
        pending = pending << 6 | (unsigned)bits;
        pending_bits += 6;
        if (pending_bits >= 8) {
            pending_bits -= 8;
            buf_add_char(out, (char)(pending >> pending_bits & 0xff));
            pending &= (1U << pending_bits) - 1;
        }
    }
    return pending_bits < 6 && pending == 0 ? ERR_OK : ERR_BAD_VALUE;
}
