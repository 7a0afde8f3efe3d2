/*
 * Counted frames. One thread owns a node, so the count is plain.
 */
#include "wsnode/payload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct payload *payload_create(const void *bytes, size_t len)
{
    struct payload *p = malloc(sizeof(*p) + PAYLOAD_HEADROOM_BYTES + len);

    if (!p) {
        return NULL;
    }
    p->refs = 1;
    p->len = len;
    if (len > 0) {
        memcpy(payload_bytes(p), bytes, len);
    }
    return p;
}

struct payload *payload_from_buf(const struct buf *b)
{
    if (buf_err(b) != ERR_OK) {
        return NULL;
    }
    return payload_create(b->bytes, b->len);
}

struct payload *payload_ref(struct payload *p)
{
    p->refs++;
    return p;
}

void payload_unref(struct payload *p)
{
    if (!p) {
        return;
    }
    assert(p->refs > 0);
    p->refs--;
    if (p->refs == 0) {
        free(p);
    }
}

unsigned char *payload_bytes(struct payload *p)
{
    return p->store + PAYLOAD_HEADROOM_BYTES;
}
