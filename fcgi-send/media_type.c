/*
 * Is a Content-Type that of JSON?
 */
#include "fcgi-send/media_type.h"

#include <string.h>
#include <strings.h>

#include "shared/buf.h"

static struct slice trim(struct slice s)
{
    while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
        s = (struct slice){s.at + 1, s.len - 1};
    }
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

static bool is_word(struct slice s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

/* Takes what stands before the next ';' off the start of text. A ';' in a quoted value counts as
 * one too: no parameter that matters here has one. */
static struct slice take_piece(struct slice *text)
{
    const char *end = text->len > 0 ? memchr(text->at, ';', text->len) : NULL;
    struct slice piece = {text->at, end ? (size_t)(end - text->at) : text->len};
    size_t taken = piece.len + (end ? 1 : 0);

    *text = (struct slice){text->at + taken, text->len - taken};
    return trim(piece);
}

static bool is_foreign_charset(struct slice parameter)
{
    static const char name[] = "charset=";
    size_t len = strlen(name);

    if (parameter.len < len || strncasecmp(parameter.at, name, len) != 0) {
        return false;
    }
    struct slice value = {parameter.at + len, parameter.len - len};
    return !is_word(value, "utf-8") && !is_word(value, "\"utf-8\"");
}

bool media_type_is_json(const char *content_type)
{
    struct slice rest = slice_of(content_type ? content_type : "");

    if (!is_word(take_piece(&rest), "application/json")) {
        return false;
    }
    while (rest.len > 0) {
        if (is_foreign_charset(take_piece(&rest))) {
            return false;
        }
    }
    return true;
}
