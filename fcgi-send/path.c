/*
 * The path of a request, read strictly.
 */
#include "fcgi-send/path.h"

#include <string.h>

#include "shared/parse.h"

enum err path_last_segment(struct slice path, char out[PATH_BYTES_MAX], struct problem *p)
{
    char decoded[PATH_BYTES_MAX];
    enum err err = parse_percent(path, decoded, sizeof(decoded));

    if (err) {
        return problem_set(p, err, "", NULL);
    }
    const char *slash = strrchr(decoded, '/');
    const char *segment = slash ? slash + 1 : decoded;
    memcpy(out, segment, strlen(segment) + 1);
    return ERR_OK;
}
