/*
 * Random ids and message ids.
 */
#include "shared/id.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "shared/parse.h"

#define RANDOM_CHARS_MAX 64

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void id_random_bytes(void *out, size_t len)
{
    ssize_t got;

    do {
        got = getrandom(out, len, 0); /* up to 256 bytes come whole */
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)len) {
        abort();
    }
}

void id_random(char *out, size_t out_bytes)
{
    unsigned char random[RANDOM_CHARS_MAX];
    size_t chars = out_bytes - 1;

    assert(out_bytes > 1 && chars <= sizeof(random));
    id_random_bytes(random, chars);
    /* The last character's bits beyond whole bytes are zero, or a strict decoder would refuse it.
     */
    unsigned spare_bits = chars * 6 % 8;
    random[chars - 1] &= (unsigned char)~((1u << spare_bits) - 1);
    for (size_t i = 0; i < chars; i++) {
        out[i] = alphabet[random[i] & 63];
    }
    out[chars] = '\0';
}

/* Is it of the alphabet? Asked for each session of each message, several times. */
static bool is_id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

bool id_is_session(struct slice text)
{
    if (text.len != SESSION_ID_BYTES - 1) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (!is_id_char(text.at[i])) {
            return false;
        }
    }
    return true;
}

/* Redis writes ids without leading zeros: one place, one spelling. */
static enum err parse_part(struct slice text, uint64_t *out)
{
    if (text.len > 1 && text.at[0] == '0') {
        return ERR_BAD_VALUE;
    }
    return parse_u64(text, UINT64_MAX, out) == ERR_OK ? ERR_OK : ERR_BAD_VALUE;
}

enum err message_id_parse(struct slice text, struct message_id *out)
{
    const char *hyphen = text.len > 0 ? memchr(text.at, '-', text.len) : NULL;
    struct message_id id;

    if (!hyphen) {
        return ERR_BAD_VALUE;
    }
    size_t ms_len = (size_t)(hyphen - text.at);
    if (parse_part((struct slice){text.at, ms_len}, &id.ms) != ERR_OK ||
        parse_part((struct slice){hyphen + 1, text.len - ms_len - 1}, &id.n) != ERR_OK) {
        return ERR_BAD_VALUE;
    }
    *out = id;
    return ERR_OK;
}

const char *message_id_format(struct message_id id, char out[MESSAGE_ID_BYTES])
{
    size_t len = format_u64(id.ms, out);

    out[len++] = '-';
    len += format_u64(id.n, out + len);
    out[len] = '\0';
    return out;
}

int message_id_compare(struct message_id a, struct message_id b)
{
    if (a.ms != b.ms) {
        return a.ms < b.ms ? -1 : 1;
    }
    return (a.n > b.n) - (a.n < b.n);
}

bool message_id_is_zero(struct message_id id)
{
    return id.ms == 0 && id.n == 0;
}
