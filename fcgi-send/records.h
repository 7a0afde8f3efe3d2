/*
 * FastCGI records as they come (FastCGI specification 3.3 and 3.4), looked at before libfcgi reads
 * them: it adds the two lengths of a parameter as an int and ends the process where that overflows,
 * and forgets memory with every malformed management record. No I/O.
 */
#ifndef FCGI_SEND_RECORDS_H
#define FCGI_SEND_RECORDS_H

#include <stdbool.h>

#include "shared/buf.h"

/* A name or a value; web servers' own limits for headers are far below. */
#define RECORDS_PARAMETER_BYTES_MAX (1024 * 1024)

/* One request's; all zeros at its start. */
struct records {
    unsigned char header[8];
    size_t header_bytes; /* 8 while in a record */
    size_t content_left;
    size_t padding_left;
    unsigned char lengths[8]; /* of a parameter's name and value, as far as they have come */
    size_t lengths_bytes;
    uint64_t parameter_left; /* bytes of a name and a value */
};

/* The next bytes. false: libfcgi must not read them, nor any more of this connection: not version
 * 1, a management record (no web server sends one), or a parameter that is too long. */
bool records_check(struct records *r, struct slice bytes) MUST_CHECK;

#endif
