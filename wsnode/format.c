/*
 * Which formats there are, and what they share.
 */
#include "wsnode/format.h"

#include "shared/http_text.h"

const struct format *const formats[FORMAT_COUNT] = {
    [FORMAT_PLAIN] = &format_plain,
    [FORMAT_V1] = &format_v1,
};

/* Of JSON's white space (RFC 8259 2). */
static struct slice trim(struct slice s)
{
    return slice_trim(s, " \t\n\r");
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
    if (http_text_trim(names).len == 0) {
        return &format_plain;
    }
    while (names.len > 0) {
        const struct format *format = find_name(http_text_trim(http_text_until(&names, ",")));
        if (format) {
            return format;
        }
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
