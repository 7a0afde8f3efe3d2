/*
 * Is a Content-Type that of JSON?
 */
#include "fcgi-send/media_type.h"

#include <string.h>
#include <strings.h>

#include "shared/http_text.h"

/* Takes what stands before the next ';' off the start of text. A ';' in a quoted value counts as
 * one too: no parameter that matters here has one. */
static struct slice take_piece(struct slice *text)
{
    return http_text_trim(http_text_until(text, ";"));
}

static bool is_foreign_charset(struct slice parameter)
{
    static const char name[] = "charset=";
    size_t len = strlen(name);

    if (parameter.len < len || strncasecmp(parameter.at, name, len) != 0) {
        return false;
    }
    struct slice value = {parameter.at + len, parameter.len - len};
    return !http_text_equals(value, "utf-8") && !http_text_equals(value, "\"utf-8\"");
}

bool media_type_is_json(const char *content_type)
{
    struct slice rest = slice_of(content_type ? content_type : "");

    if (!http_text_equals(take_piece(&rest), "application/json")) {
        return false;
    }
    while (rest.len > 0) {
        if (is_foreign_charset(take_piece(&rest))) {
            return false;
        }
    }
    return true;
}
