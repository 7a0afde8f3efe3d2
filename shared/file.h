/*
 * A small file of settings, read as a whole.
 */
#ifndef SHARED_FILE_H
#define SHARED_FILE_H

#include "shared/buf.h"

/* Adds the file's bytes to out, whose cap is the file's. ERR_BAD_VALUE: it cannot be read or is too
 * large; p, with this field, says which, in words that go behind the option's name. ERR_NO_MEMORY.
 */
enum err file_read_bytes(
    const char *path, struct buf *out, const char *field, struct problem *p) MUST_CHECK;
/* The same for text: a NUL byte is refused too. */
enum err file_read(
    const char *path, struct buf *out, const char *field, struct problem *p) MUST_CHECK;

#endif
