/*
 * Which formats there are, and what they share.
 */
#include "wsnode/format.h"

#include <string.h>

static const struct format *const formats[FORMAT_COUNT] = {
    [FORMAT_PLAIN] = &format_plain,
    [FORMAT_V1] = &format_v1,
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct slice trim(struct slice s)
{
    while (s.len > 0 && is_space(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.at[s.len - 1])) {
        s.len--;
    }
    return s;
}

static const struct format *find_name(struct slice name)
{
    for (int i = 0; i < FORMAT_COUNT; i++) {
        if (name.len > 0 && slice_equal(name, formats[i]->subprotocol)) {
            return formats[i];
        }
    }
    return NULL;
}

const struct format *format_find(struct slice names)
{
    if (trim(names).len == 0) {
        return &format_plain;
    }
    while (names.len > 0) {
        const char *comma = memchr(names.at, ',', names.len);
        size_t len = comma ? (size_t)(comma - names.at) : names.len;
        const struct format *format = find_name(trim((struct slice){names.at, len}));
        if (format) {
            return format;
        }
        size_t used = comma ? len + 1 : len;
        names.at += used;
        names.len -= used;
    }
    return NULL;
}

void format_add_members(struct buf *out, struct slice object)
{
    struct slice text = trim(object);

    if (text.len < 2) {
        return;
    }
    struct slice members = trim((struct slice){text.at + 1, text.len - 2});
    if (members.len == 0) {
        return;
    }
    buf_add_char(out, ',');
    buf_add(out, members.at, members.len);
}
