/*
 * Somebody else's bytes: borrowed, not NUL-terminated.
 */
#ifndef SHARED_SLICE_H
#define SHARED_SLICE_H

#include <stddef.h>

struct slice {
    const char *at;
    size_t len;
};

struct slice slice_of(const char *s);
int slice_equal(struct slice s, const char *text);          /* 1 or 0 */
struct slice slice_trim(struct slice s, const char *chars); /* without these at its ends */

#endif
