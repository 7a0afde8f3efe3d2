/*
 * What all calls with a JSON body do first.
 */
#include "fcgi-send/request_json.h"

enum err request_json(
    const struct request *r, const char *const *names, struct json_object **out, struct problem *p)
{
    struct json_object *body;

    enum err err = json_parse_object((struct slice){buf_str(&r->body), r->body.len}, &body, p);
    if (err) {
        return err;
    }
    err = json_only(body, "", names, p);
    if (err) {
        json_object_put(body);
        return err;
    }
    *out = body;
    return ERR_OK;
}
