/*
 * Is a text JSON, to the letter of RFC 8259? One pass, byte by byte, that remembers only which
 * kinds of containers are open. It keeps nothing of what it reads; json.c parses.
 */
#include "shared/json.h"

#include <string.h>

#include "shared/limits.h"
#include "shared/utf8.h"

#define END_OF_TEXT (-1)

/* What may come next. */
enum step {
    STEP_VALUE,
    STEP_ELEMENT_OR_END, /* after '[' */
    STEP_KEY_OR_END,     /* after '{' */
    STEP_KEY,            /* after ',' in an object */
    STEP_AFTER_VALUE,
    STEP_DONE,
};

struct scan {
    struct slice text; /* borrowed */
    size_t at;
    enum step step;
    size_t depth;
    bool in_object[JSON_DEPTH_MAX]; /* of each open container: an object? else an array */
    size_t members;
    bool nul_escaped; /* the last string had a \u0000 */
    struct problem *p;
};

static int peek(const struct scan *s)
{
    return s->at < s->text.len ? (unsigned char)s->text.at[s->at] : END_OF_TEXT;
}

/* What stands at s->at is not what the grammar wants; some of it has a name of its own. */
static enum err fail_expecting(const struct scan *s, const char *what)
{
    if (peek(s) == END_OF_TEXT) {
        return problem_set(
            s->p, ERR_NOT_JSON, "", "byte %zu: the text ends where it needs %s", s->at, what);
    }
    if (peek(s) == 0) {
        return problem_set(s->p, ERR_NUL_BYTE, "", "byte %zu: a NUL byte", s->at);
    }
    if (utf8_char_bytes(s->text.at + s->at, s->text.len - s->at) == 0) {
        return problem_set(s->p, ERR_BAD_UTF8, "", "byte %zu: not valid UTF-8", s->at);
    }
    return problem_set(s->p, ERR_NOT_JSON, "", "byte %zu: expected %s", s->at, what);
}

static void skip_space(struct scan *s)
{
    while (peek(s) == ' ' || peek(s) == '\t' || peek(s) == '\n' || peek(s) == '\r') {
        s->at++;
    }
}

static bool skip_digits(struct scan *s)
{
    size_t start = s->at;

    while (peek(s) >= '0' && peek(s) <= '9') {
        s->at++;
    }
    return s->at > start;
}

static bool skip_char(struct scan *s, char c)
{
    if (peek(s) != c) {
        return false;
    }
    s->at++;
    return true;
}

static enum err scan_number(struct scan *s)
{
    skip_char(s, '-');
    if (!skip_char(s, '0') && !skip_digits(s)) {
        return fail_expecting(s, "a digit");
    }
    if (skip_char(s, '.') && !skip_digits(s)) {
        return fail_expecting(s, "a digit");
    }
    if (skip_char(s, 'e') || skip_char(s, 'E')) {
        if (!skip_char(s, '+')) {
            skip_char(s, '-');
        }
        if (!skip_digits(s)) {
            return fail_expecting(s, "a digit");
        }
    }
    s->step = STEP_AFTER_VALUE;
    return ERR_OK;
}

static enum err scan_word(struct scan *s, const char *word)
{
    for (size_t i = 0; word[i]; i++) {
        if (!skip_char(s, word[i])) {
            return fail_expecting(s, word);
        }
    }
    s->step = STEP_AFTER_VALUE;
    return ERR_OK;
}

static enum err scan_hex4(struct scan *s, unsigned *unit)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    unsigned value = 0;

    for (int i = 0; i < 4; i++) {
        const char *digit = peek(s) > 0 ? strchr(digits, peek(s)) : NULL;
        if (!digit) {
            return fail_expecting(s, "a hexadecimal digit");
        }
        value = value * 16 + (unsigned)(digit - digits) % 16;
        s->at++;
    }
    *unit = value;
    return ERR_OK;
}

/* \uXXXX, or the two that make a character outside of the first plane (RFC 8259 7). */
static enum err scan_unicode_escape(struct scan *s)
{
    size_t start = s->at;
    unsigned high = 0;
    unsigned low = 0;

    s->at += strlen("\\u");
    enum err err = scan_hex4(s, &high);
    if (err != ERR_OK) {
        return err;
    }
    if (high < 0xD800 || high > 0xDFFF) {
        s->nul_escaped |= high == 0;
        return ERR_OK;
    }
    if (high <= 0xDBFF && skip_char(s, '\\') && skip_char(s, 'u')) {
        err = scan_hex4(s, &low);
        if (err != ERR_OK) {
            return err;
        }
    }
    if (low < 0xDC00 || low > 0xDFFF) {
        return problem_set(s->p, ERR_BAD_UTF8, "", "byte %zu: half of a surrogate pair", start);
    }
    return ERR_OK;
}

static enum err scan_escape(struct scan *s)
{
    s->at++;
    if (peek(s) == 'u') {
        s->at--;
        return scan_unicode_escape(s);
    }
    if (peek(s) <= 0 || !strchr("\"\\/bfnrt", peek(s))) {
        return fail_expecting(s, "one of \" \\ / b f n r t u");
    }
    s->at++;
    return ERR_OK;
}

static enum err scan_char(struct scan *s)
{
    size_t bytes = utf8_char_bytes(s->text.at + s->at, s->text.len - s->at);

    if (bytes == 0 || peek(s) < 0x20) {
        return fail_expecting(s, "'\"' or a character that is no control character");
    }
    s->at += bytes;
    return ERR_OK;
}

static enum err scan_string(struct scan *s)
{
    s->nul_escaped = false;
    s->at++;
    while (!skip_char(s, '"')) {
        enum err err = peek(s) == '\\' ? scan_escape(s) : scan_char(s);
        if (err != ERR_OK) {
            return err;
        }
    }
    s->step = STEP_AFTER_VALUE;
    return ERR_OK;
}

static enum err open_container(struct scan *s, bool is_object)
{
    if (s->depth == JSON_DEPTH_MAX) {
        return problem_set(s->p, ERR_TOO_DEEP, "", "byte %zu: nested deeper than %d levels", s->at,
            JSON_DEPTH_MAX);
    }
    s->in_object[s->depth++] = is_object;
    s->at++;
    s->step = is_object ? STEP_KEY_OR_END : STEP_ELEMENT_OR_END;
    return ERR_OK;
}

static enum err close_container(struct scan *s)
{
    s->depth--;
    s->at++;
    s->step = STEP_AFTER_VALUE;
    return ERR_OK;
}

static enum err scan_value(struct scan *s)
{
    int c = peek(s);

    switch (c) {
    case '{':
    case '[':
        return open_container(s, c == '{');
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        if (c == '-' || (c >= '0' && c <= '9')) {
            return scan_number(s);
        }
        return fail_expecting(s, "a value");
    }
}

static enum err scan_key(struct scan *s)
{
    size_t start = s->at;

    if (peek(s) != '"') {
        return fail_expecting(
            s, s->step == STEP_KEY ? "a key in quotes" : "a key in quotes or '}'");
    }
    enum err err = scan_string(s);
    if (err != ERR_OK) {
        return err;
    }
    if (s->nul_escaped) {
        return problem_set(s->p, ERR_NUL_BYTE, "", "byte %zu: a key with \\u0000", start);
    }
    skip_space(s);
    if (!skip_char(s, ':')) {
        return fail_expecting(s, "':'");
    }
    s->members++;
    s->step = STEP_VALUE;
    return ERR_OK;
}

static enum err scan_after_value(struct scan *s)
{
    if (s->depth == 0) {
        s->step = STEP_DONE;
        return peek(s) == END_OF_TEXT ? ERR_OK : fail_expecting(s, "nothing after the value");
    }
    bool in_object = s->in_object[s->depth - 1];
    if (skip_char(s, ',')) {
        s->step = in_object ? STEP_KEY : STEP_VALUE;
        return ERR_OK;
    }
    if (peek(s) == (in_object ? '}' : ']')) {
        return close_container(s);
    }
    return fail_expecting(s, in_object ? "',' or '}'" : "',' or ']'");
}

static enum err scan_step(struct scan *s)
{
    skip_space(s);
    switch (s->step) {
    case STEP_ELEMENT_OR_END:
        return peek(s) == ']' ? close_container(s) : scan_value(s);
    case STEP_VALUE:
        return scan_value(s);
    case STEP_KEY_OR_END:
        return peek(s) == '}' ? close_container(s) : scan_key(s);
    case STEP_KEY:
        return scan_key(s);
    case STEP_AFTER_VALUE:
        return scan_after_value(s);
    case STEP_DONE:
        break;
    }
    return ERR_OK;
}

enum err json_check(struct slice text, size_t *members, struct problem *p)
{
    struct scan s = {.text = text, .step = STEP_VALUE, .p = p};

    while (s.step != STEP_DONE) {
        enum err err = scan_step(&s);
        if (err != ERR_OK) {
            return err;
        }
    }
    if (members) {
        *members = s.members;
    }
    return ERR_OK;
}

bool json_utf8_valid(const char *text, size_t len)
{
    size_t at = 0;

    while (at < len) {
        size_t bytes = utf8_char_bytes(text + at, len - at);
        if (bytes == 0) {
            return false;
        }
        at += bytes;
    }
    return true;
}
