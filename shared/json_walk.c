/*
 * Walks through the members or elements of one container of a text that json_check() has passed,
 * and finds the raw bytes of one of them. Where the text is not checked the answers are wrong, but
 * nothing is read past its end.
 */
#include "shared/json.h"

#include <string.h>

#include "shared/utf8.h"

static char char_at(const struct json_walk *w)
{
    return w->at < w->text.len ? w->text.at[w->at] : '\0';
}

static void skip_any(struct json_walk *w, const char *chars)
{
    while (char_at(w) && strchr(chars, char_at(w))) {
        w->at++;
    }
}

static void skip_string(struct json_walk *w)
{
    w->at++;
    while (char_at(w) && char_at(w) != '"') {
        w->at += char_at(w) == '\\' ? 2 : 1;
    }
    w->at++;
}

static void skip_value(struct json_walk *w)
{
    size_t depth = 0;

    do {
        char c = char_at(w);
        if (c == '"') {
            skip_string(w);
            continue;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        w->at++;
    } while (w->at < w->text.len && (depth > 0 || !strchr(",]} \t\r\n", char_at(w))));
}

/* From start to where the walk is, or to the text's end should it have gone past that. */
static struct slice slice_from(const struct json_walk *w, size_t start)
{
    size_t end = w->at < w->text.len ? w->at : w->text.len;

    return (struct slice){w->text.at + start, end > start ? end - start : 0};
}

void json_walk_start(struct json_walk *w, struct slice container)
{
    *w = (struct json_walk){.text = container};
    skip_any(w, " \t\r\n");
    w->in_object = char_at(w) == '{';
    w->at = w->in_object || char_at(w) == '[' ? w->at + 1 : container.len;
}

bool json_walk_next(struct json_walk *w, struct slice *name, struct slice *value)
{
    skip_any(w, " \t\r\n,");
    char c = char_at(w);
    if (c == '\0' || c == '}' || c == ']') {
        return false;
    }
    *name = (struct slice){NULL, 0};
    if (w->in_object) {
        size_t quote = w->at;
        skip_string(w);
        *name = slice_from(w, quote + 1);
        name->len -= name->len > 0;
        skip_any(w, " \t\r\n:");
    }
    size_t start = w->at;
    skip_value(w);
    *value = slice_from(w, start);
    return true;
}

static unsigned read_hex4(struct slice text, size_t at)
{
    unsigned value = 0;

    for (size_t i = at; i < at + 4 && i < text.len; i++) {
        char c = text.at[i];
        unsigned digit = c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
        value = value * 16 + (digit & 15);
    }
    return value;
}

/* Decodes what stands at *at inside of a string, moves past it and returns how many bytes it is. */
static size_t decode_char(struct slice string, size_t *at, char out[4])
{
    static const char letters[] = "bfnrt";
    static const char controls[] = "\b\f\n\r\t";

    out[0] = string.at[(*at)++];
    if (out[0] != '\\' || *at == string.len) {
        return 1;
    }
    out[0] = string.at[(*at)++];
    const char *letter = out[0] ? strchr(letters, out[0]) : NULL;
    if (letter) {
        out[0] = controls[letter - letters];
        return 1;
    }
    if (out[0] != 'u') {
        return 1;
    }
    uint32_t code_point = read_hex4(string, *at);
    *at += 4;
    if (code_point >= 0xD800 && code_point <= 0xDBFF) {
        code_point = 0x10000 + ((code_point - 0xD800) << 10) + (read_hex4(string, *at + 2) & 0x3FF);
        *at += 6;
    }
    return utf8_encode(code_point, out);
}

void json_unescape(struct slice string, struct buf *out)
{
    char decoded[4];

    for (size_t at = 0; at < string.len;) {
        buf_add(out, decoded, decode_char(string, &at, decoded));
    }
}

static bool name_equals(struct slice raw, const char *name)
{
    size_t len = strlen(name);
    size_t matched = 0;
    char decoded[4];

    for (size_t at = 0; at < raw.len;) {
        size_t bytes = decode_char(raw, &at, decoded);
        if (bytes > len - matched || memcmp(name + matched, decoded, bytes) != 0) {
            return false;
        }
        matched += bytes;
    }
    return matched == len;
}

struct slice json_raw_member(struct slice object, const char *name)
{
    struct json_walk w;
    struct slice key;
    struct slice value;

    json_walk_start(&w, object);
    while (w.in_object && json_walk_next(&w, &key, &value)) {
        if (name_equals(key, name)) {
            return value;
        }
    }
    return (struct slice){NULL, 0};
}
