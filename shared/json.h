/*
 * Strict JSON on top of json-c, which by itself takes single quotes, NaN, overlong UTF-8, keys cut
 * at \u0000 and keys that stand twice (json-c 0.16). json_check() is RFC 8259 to the letter, plus:
 * no NUL, no lone surrogate (also as \uD800), no key with \u0000, depth at most JSON_DEPTH_MAX.
 * Numbers keep their digits because raw values are copied.
 */
#ifndef SHARED_JSON_H
#define SHARED_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "shared/buf.h"

/* Is this valid UTF-8 (RFC 3629: no overlong form, no surrogate, at most U+10FFFF)? */
bool json_utf8_valid(const char *text, size_t len);

/* One pass, no recursion, no allocation. members (may be NULL): how many object members there are
 * in all. On failure p->msg names the byte, counted from 0: "byte 17: expected ',' or '}'".
 * ERR_NOT_JSON, ERR_BAD_UTF8, ERR_NUL_BYTE, ERR_TOO_DEEP. */
enum err json_check(struct slice text, size_t *members, struct problem *p) MUST_CHECK;

/* Checks, parses and refuses keys that stand twice (ERR_DUPLICATE_FIELD, p->field is the path of
 * the second one). *out is the caller's: json_object_put(). Any JSON value is taken (NULL stands
 * for null); json_parse_object() takes an object only: else ERR_WRONG_TYPE. */
enum err json_parse(struct slice text, struct json_object **out, struct problem *p) MUST_CHECK;
enum err json_parse_object(
    struct slice text, struct json_object **out, struct problem *p) MUST_CHECK;

/*
 * A walk through the members or elements of one container of a text that json_check() passed;
 * anything else has none. name is what stands between the quotes, still escaped; at == NULL in an
 * array.
 */
struct json_walk {
    struct slice text; /* borrowed */
    size_t at;
    bool in_object;
};
void json_walk_start(struct json_walk *w, struct slice container);
bool json_walk_next(struct json_walk *w, struct slice *name, struct slice *value);
/* Adds the text that stands escaped between the quotes of a checked string. */
void json_unescape(struct slice string, struct buf *out);

/* The bytes of one member's value inside an object that json_check() passed, without the space
 * around them; name is compared after unescaping. at == NULL where there is none. */
struct slice json_raw_member(struct slice object, const char *name);

/*
 * Getters. path: where `object` stands ("" or "messages[3]"), used for p->field. An absent member
 * leaves *out as it is and returns ERR_OK; null counts as a wrong type. Strings are borrowed from
 * the object.
 */
struct json_field {
    struct json_object *object; /* borrowed */
    const char *path;
    const char *name;
};
enum err json_get_string(struct json_field f, struct slice *out, struct problem *p) MUST_CHECK;
/* A string that must be there and not be empty, copied with a NUL: ERR_MISSING_FIELD,
 * ERR_WRONG_TYPE, ERR_BAD_VALUE (empty, too long, or with a NUL). */
enum err json_copy_string(
    struct json_field f, char *out, size_t out_bytes, struct problem *p) MUST_CHECK;
enum err json_get_int(
    struct json_field f, int64_t min, int64_t max, int64_t *out, struct problem *p) MUST_CHECK;
enum err json_get_bool(struct json_field f, bool *out, struct problem *p) MUST_CHECK;
enum err json_get_array(
    struct json_field f, struct json_object **out, struct problem *p) MUST_CHECK; /* borrowed */
/* Refuses members that are not in allowed (NULL-terminated): ERR_UNKNOWN_FIELD. */
enum err json_only(struct json_object *object, const char *path, const char *const *allowed,
    struct problem *p) MUST_CHECK;
/* Says what is wrong with a member: "<path>.<name> <what>". Returns err. */
enum err json_refuse(
    struct json_field f, enum err err, const char *what, struct problem *p) MUST_CHECK;
/* "messages[3]" + "userId" -> "messages[3].userId"; cut at a character's edge. */
void json_path(char *out, size_t out_bytes, const char *path, const char *name);

#endif
