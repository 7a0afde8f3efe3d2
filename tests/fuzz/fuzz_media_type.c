/*
 * Content-Type: what counts as JSON starts with its name, and stays JSON with more space around
 * and another parameter.
 */
#include "fcgi-send/media_type.h"

#include <strings.h>

#include "tests/fuzz/fuzz.h"

void fuzz(struct slice input)
{
    char *type = fuzz_string(input);
    struct buf more;

    if (media_type_is_json(type)) {
        const char *start = type + strspn(type, " \t");
        assert(strncasecmp(start, "application/json", strlen("application/json")) == 0);
        buf_init(&more, input.len + 64);
        buf_addf(&more, " %s ; other=1", type);
        assert(media_type_is_json(buf_str(&more)));
        buf_addf(&more, "; charset=latin1");
        assert(!media_type_is_json(buf_str(&more)));
        buf_finish(&more);
    }
    free(type);
}
