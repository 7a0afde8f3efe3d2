/*
 * Reads a file in pieces: secrets may come through pipes, whose size is not known before.
 */
#include "shared/file.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#define PIECE_BYTES 4096

static enum err check_size(
    const struct buf *text, const char *path, const char *field, struct problem *p)
{
    enum err err = buf_err(text);

    if (err == ERR_NO_MEMORY) {
        return problem_set(p, err, "", NULL);
    }
    if (err) {
        return problem_set(p, ERR_BAD_VALUE, field, "%s is larger than %zu bytes", path, text->max);
    }
    return ERR_OK;
}

enum err file_read_bytes(const char *path, struct buf *out, const char *field, struct problem *p)
{
    char piece[PIECE_BYTES];
    size_t len;
    FILE *file = fopen(path, "re");

    if (!file) {
        return problem_set(p, ERR_BAD_VALUE, field, "%s: %s", path, strerror(errno));
    }
    while ((len = fread(piece, 1, sizeof(piece), file)) > 0 && !buf_err(out)) {
        buf_add(out, piece, len);
    }
    enum err err = ferror(file)
                       ? problem_set(p, ERR_BAD_VALUE, field, "%s: %s", path, strerror(errno))
                       : check_size(out, path, field, p);
    OPENSSL_cleanse(piece, sizeof(piece)); /* it may be a secret */
    (void)fclose(file);                    /* it was only read: nothing is lost */
    return err;
}

enum err file_read(const char *path, struct buf *out, const char *field, struct problem *p)
{
    enum err err = file_read_bytes(path, out, field, p);

    if (!err && strlen(buf_str(out)) != out->len) {
        return problem_set(p, ERR_BAD_VALUE, field, "%s has a NUL byte", path);
    }
    return err;
}
