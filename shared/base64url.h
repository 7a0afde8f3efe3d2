/*
 * base64url without padding (RFC 4648 5, RFC 7515 2), read strictly: other characters, padding and
 * lost bits that are not zero are refused, so that each text is the only one of its bytes.
 */
#ifndef SHARED_BASE64URL_H
#define SHARED_BASE64URL_H

#include "shared/buf.h"

/* Adds the decoded bytes to out; errors of the buffer stick to it. ERR_BAD_VALUE: not of the form;
 * out may have some bytes then. */
enum err base64url_decode(struct slice text, struct buf *out) MUST_CHECK;

#endif
