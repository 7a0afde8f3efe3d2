/*
 * Strict text to numbers: the whole slice must be the value; no sign, space, hex or overflow gets
 * by. All return ERR_OK, ERR_BAD_VALUE (not of the form) or ERR_OUT_OF_RANGE.
 */
#ifndef SHARED_PARSE_H
#define SHARED_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/err.h"
#include "shared/slice.h"

/* The other way: decimal digits without a NUL. Returns how many. */
#define DECIMAL_BYTES_MAX 20
size_t format_u64(uint64_t value, char out[DECIMAL_BYTES_MAX]);

/* Digits only. */
enum err parse_u64(struct slice text, uint64_t max, uint64_t *out) MUST_CHECK;
/* The same in octal, with or without leading zeros: "0660" -> 432. */
enum err parse_octal(struct slice text, uint64_t max, uint64_t *out) MUST_CHECK;
/* 250ms 5s 10m 2h 7d: a unit is required, except for 0. */
enum err parse_duration_ms(struct slice text, int64_t *out) MUST_CHECK;
/* 512 64k 1m 2g: powers of 1024. */
enum err parse_size_bytes(struct slice text, int64_t *out) MUST_CHECK;
/* yes no true false on off 1 0 */
enum err parse_bool(struct slice text, bool *out) MUST_CHECK;
/* "10.0.0.5:9001", "[::1]:9001": a numeric address and a port 0 to 65535. host gets no brackets. */
enum err parse_host_port(
    const char *text, char *host, size_t host_bytes, uint16_t *port) MUST_CHECK;
/* Percent-decoding of one path segment or query value (RFC 3986 2.1); '+' stays '+'. ERR_BAD_PATH
 * on a bad escape or a NUL, ERR_URI_TOO_LONG where out is too small; out is not to be read then. */
enum err parse_percent(struct slice text, char *out, size_t out_bytes) MUST_CHECK;

#endif
