/*
 * What a send is answered with: docs/api.md. No I/O.
 */
#ifndef FCGI_SEND_REPORT_H
#define FCGI_SEND_REPORT_H

#include "fcgi-send/delivery.h"

/* Adds the answer's "data". Errors stick to out. */
void report_encode(const struct inbox_sent *sent, const struct delivery *deliveries, size_t count,
    struct buf *out);

#endif
