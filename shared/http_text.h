/*
 * What the grammar of HTTP heads is made of (RFC 9110 5.6): pieces, lists, tokens. All slices are
 * borrowed from what they are pieces of.
 */
#ifndef SHARED_HTTP_TEXT_H
#define SHARED_HTTP_TEXT_H

#include <stdbool.h>

#include "shared/buf.h"

/* Takes what stands before the separator off rest, and the separator; or everything. */
struct slice http_text_until(struct slice *rest, const char *separator);
struct slice http_text_trim(struct slice s);             /* of spaces and tabs */
bool http_text_equals(struct slice s, const char *text); /* without regard to case */
bool http_text_is_token(struct slice s);
bool http_text_has_control(struct slice s); /* but for tabs */
/* Is word in a comma-separated list, without regard to case? */
bool http_text_list_has(struct slice list, const char *word);
/* The token of an Authorization header (RFC 6750 2.1; the scheme without regard to case, RFC 9110
 * 11.1); at == NULL: another scheme, or no header. */
struct slice http_text_bearer(struct slice authorization);

#endif
