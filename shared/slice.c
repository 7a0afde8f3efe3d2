/*
 * Looks at slices; nothing is copied.
 */
#include "shared/slice.h"

#include <stdbool.h>
#include <string.h>

struct slice slice_of(const char *s)
{
    return (struct slice){s, strlen(s)};
}

int slice_equal(struct slice s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

static bool is_one_of(char c, const char *chars)
{
    return c != '\0' && strchr(chars, c);
}

struct slice slice_trim(struct slice s, const char *chars)
{
    while (s.len > 0 && is_one_of(s.at[0], chars)) {
        s = (struct slice){s.at + 1, s.len - 1};
    }
    while (s.len > 0 && is_one_of(s.at[s.len - 1], chars)) {
        s.len--;
    }
    return s;
}
