/*
 * POST /socketClose of a page, a serverClient or all: one order in Redis, and one request to each
 * node that has sessions there, however many.
 */
#ifndef FCGI_SEND_CLOSE_GROUP_H
#define FCGI_SEND_CLOSE_GROUP_H

#include "fcgi-send/service.h"
#include "shared/dismissal.h"

/* Adds the answer's "data" (docs/api.md). Errors: of Redis, and then nothing was ordered, as far as
 * is known; ERR_NO_MEMORY. */
enum err close_group(
    struct worker *w, const char *group, const struct dismissal *how, struct buf *out) MUST_CHECK;

#endif
