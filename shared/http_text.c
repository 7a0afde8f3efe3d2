/*
 * Pieces of an HTTP head.
 */
#define _GNU_SOURCE /* memmem */
#include "shared/http_text.h"

#include <string.h>
#include <strings.h>

struct slice http_text_until(struct slice *rest, const char *separator)
{
    const char *end = memmem(rest->at, rest->len, separator, strlen(separator));
    struct slice part = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
    size_t taken = end ? part.len + strlen(separator) : part.len;

    *rest = (struct slice){rest->at + taken, rest->len - taken};
    return part;
}

struct slice http_text_trim(struct slice s)
{
    return slice_trim(s, " \t");
}

struct slice http_text_bearer(struct slice authorization)
{
    static const char scheme[] = "Bearer ";
    size_t len = strlen(scheme);

    if (authorization.len < len || strncasecmp(authorization.at, scheme, len) != 0) {
        return (struct slice){NULL, 0};
    }
    return http_text_trim((struct slice){authorization.at + len, authorization.len - len});
}

bool http_text_equals(struct slice s, const char *text)
{
    return s.len == strlen(text) && strncasecmp(s.at, text, s.len) == 0;
}

/* A character of a token: RFC 9110 5.6.2. */
static bool is_token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

bool http_text_is_token(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_token_char(s.at[i])) {
            return false;
        }
    }
    return s.len > 0;
}

bool http_text_has_control(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return true;
        }
    }
    return false;
}

bool http_text_list_has(struct slice list, const char *word)
{
    while (list.len > 0) {
        if (http_text_equals(http_text_trim(http_text_until(&list, ",")), word)) {
            return true;
        }
    }
    return false;
}
