/*
 * The body of a call as one JSON object.
 */
#ifndef FCGI_SEND_REQUEST_JSON_H
#define FCGI_SEND_REQUEST_JSON_H

#include "fcgi-send/request.h"
#include "shared/json.h"

/* An object with none but these members (NULL-terminated). *out is the caller's: json_object_put().
 * Errors: json_parse_object(), json_only(). */
enum err request_json(const struct request *r, const char *const *names, struct json_object **out,
    struct problem *p) MUST_CHECK;

#endif
