/*
 * A query string, read strictly: names and values are percent-decoded UTF-8 ('+' is a plus sign:
 * RFC 3986, not HTML forms). Every failure fills p, with the parameter's name as the field.
 */
#ifndef FCGI_SEND_QUERY_H
#define FCGI_SEND_QUERY_H

#include "shared/message.h"

/* GET /online takes 100 users, and there are a few more names. */
#define QUERY_PARAMETERS_MAX 128

struct query {
    struct query_parameter {
        const char *name; /* both borrowed from store */
        const char *value;
    } parameters[QUERY_PARAMETERS_MAX];
    size_t count;
    char *store; /* owned */
};

/* text is what follows the '?'. ERR_BAD_QUERY (a bad escape, not UTF-8, too many parameters),
 * ERR_NO_MEMORY. query_finish() is needed after ERR_OK only. */
enum err query_parse(struct slice text, struct query *out, struct problem *p) MUST_CHECK;
void query_finish(struct query *q);

/* Each parameter must be one of names (NULL-terminated), and stand once, unless it is `repeatable`
 * (which may be NULL). ERR_UNKNOWN_FIELD, ERR_DUPLICATE_FIELD. */
enum err query_only(const struct query *q, const char *const *names, const char *repeatable,
    struct problem *p) MUST_CHECK;

/* NULL: not there. Borrowed. */
const char *query_find(const struct query *q, const char *name);

/* serverClient and page, each "" where it is not there; the rest of out is left alone.
 * ERR_BAD_ADDRESS, ERR_MISSING_FIELD (page without serverClient). */
enum err query_narrowing(const struct query *q, struct target *out, struct problem *p) MUST_CHECK;
/* userId, which must be there, and the narrowing. ERR_MISSING_FIELD, ERR_BAD_ADDRESS. */
enum err query_target(const struct query *q, struct target *out, struct problem *p) MUST_CHECK;
/* These leave *out as it is where there is no such parameter. ERR_BAD_VALUE, ERR_OUT_OF_RANGE. */
enum err query_message_id(
    const struct query *q, const char *name, struct message_id *out, struct problem *p) MUST_CHECK;
enum err query_int(const struct query *q, const char *name, int64_t min, int64_t max, int64_t *out,
    struct problem *p) MUST_CHECK;

/* Both, as all calls do. query_finish() is needed after ERR_OK only. */
enum err query_read(const char *text, const char *const *names, const char *repeatable,
    struct query *out, struct problem *p) MUST_CHECK;

#endif
