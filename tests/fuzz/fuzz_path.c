/*
 * The path of a call: its last segment, decoded, is shorter than the path and has no NUL.
 */
#include "fcgi-send/path.h"

#include "tests/fuzz/fuzz.h"

void fuzz(struct slice input)
{
    char segment[PATH_BYTES_MAX];
    struct problem p;

    if (path_last_segment(input, segment, &p) == ERR_OK) {
        assert(strlen(segment) <= input.len);
        assert(input.len == 0 || input.at[input.len - 1] != '/' || !*segment);
    }
}
