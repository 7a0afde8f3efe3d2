/*
 * Immutable bytes of one encoded frame's payload, counted, with headroom before them for the
 * frame's header (the same bytes for every receiver, so sharing is safe). All sessions that get the
 * same bytes share one.
 */
#ifndef WSNODE_PAYLOAD_H
#define WSNODE_PAYLOAD_H

#include <stddef.h>

#include "shared/buf.h"
#include "shared/limits.h"

struct payload {
    unsigned refs;
    size_t len;
    unsigned char store[]; /* PAYLOAD_HEADROOM_BYTES, then len bytes */
};

struct payload *payload_create(
    const void *bytes, size_t len); /* one reference, the caller's; NULL: no memory */
struct payload *payload_from_buf(const struct buf *b); /* NULL also if b has an error */
struct payload *payload_ref(struct payload *p);        /* returns p */
void payload_unref(struct payload *p);                 /* NULL is fine */
unsigned char *payload_bytes(struct payload *p);       /* past the headroom */

#endif
