/*
 * Content-Type headers (RFC 9110 8.3).
 */
#ifndef FCGI_SEND_MEDIA_TYPE_H
#define FCGI_SEND_MEDIA_TYPE_H

#include <stdbool.h>

/* application/json, with any parameters but a charset other than utf-8 (RFC 8259 8.1). NULL is not
 * JSON. */
bool media_type_is_json(const char *content_type);

#endif
