/*
 * UTF-8: our validator agrees with one that is written in another way, from RFC 3629's table of
 * code points rather than of bytes.
 */
#include "shared/utf8.h"

#include "shared/json.h"
#include "tests/fuzz/fuzz.h"

/* The bytes of the character at the start of text, 0 where none is. */
static size_t simple_char_bytes(struct slice text, uint32_t *code_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* by number of bytes */
    unsigned char first = text.len > 0 ? (unsigned char)text.at[0] : 0xff;
    size_t bytes = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : 4;

    if (bytes > text.len || (bytes == 4 && first >> 3 != 30)) {
        return 0;
    }
    *code_point = bytes == 1 ? first : first & (0x7fU >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        unsigned char next = (unsigned char)text.at[i];
        if (next >> 6 != 2) {
            return 0;
        }
        *code_point = *code_point << 6 | (next & 0x3f);
    }
    bool is_surrogate = *code_point >> 11 == 0xd800 >> 11;
    return *code_point < least[bytes] || is_surrogate || *code_point > 0x10ffff ? 0 : bytes;
}

static void check_trim(struct slice valid, size_t cut_at)
{
    char *text = fuzz_string((struct slice){valid.at, cut_at});

    utf8_trim(text);
    size_t len = strlen(text);
    assert(json_utf8_valid(text, len));
    assert(cut_at - len < 4 || memchr(valid.at, '\0', cut_at));
    free(text);
}

void fuzz(struct slice input)
{
    struct slice rest = input;
    uint32_t code_point;
    size_t bytes;
    char encoded[4];

    while ((bytes = simple_char_bytes(rest, &code_point)) > 0) {
        assert(utf8_char_bytes(rest.at, rest.len) == bytes);
        assert(utf8_encode(code_point, encoded) == bytes);
        assert(memcmp(encoded, rest.at, bytes) == 0);
        rest = (struct slice){rest.at + bytes, rest.len - bytes};
    }
    assert(utf8_char_bytes(rest.at, rest.len) == 0);
    assert(json_utf8_valid(input.at, input.len) == (rest.len == 0));
    struct slice valid = {input.at, input.len - rest.len};
    for (size_t cut = valid.len > 8 ? valid.len - 8 : 0; cut <= valid.len; cut++) {
        check_trim(valid, cut);
    }
}
