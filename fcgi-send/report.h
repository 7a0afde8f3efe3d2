/*
 * What a send is answered with: docs/api.md. No I/O.
 */
#ifndef FCGI_SEND_REPORT_H
#define FCGI_SEND_REPORT_H

#include "fcgi-send/batch.h"

/* Adds the answer's "data": of the one message, which has no problem, or of the list. Errors stick
 * to out. */
void report_encode(const struct batch *b, struct buf *out);
/* Of one message for a group, which has no problem: by nodes. */
void report_group(const struct sending *s, struct buf *out);

#endif
