/*
 * Query strings: split, decode, and get what is in them.
 */
#include "fcgi-send/query.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shared/id.h"
#include "shared/json.h"
#include "shared/parse.h"

/* Takes what stands before the next `at` off the start of text, or all of it. */
static struct slice take_until(struct slice *text, char at)
{
    const char *end = text->len > 0 ? memchr(text->at, at, text->len) : NULL;
    struct slice piece = {text->at, end ? (size_t)(end - text->at) : text->len};
    size_t taken = piece.len + (end ? 1 : 0);

    *text = (struct slice){text->at + taken, text->len - taken};
    return piece;
}

/* Decodes text to *at and moves *at past its NUL. */
static enum err decode(struct slice text, char **at, const char **out, struct problem *p)
{
    if (parse_percent(text, *at, text.len + 1)) {
        return problem_set(p, ERR_BAD_QUERY, "", "the query has a malformed percent escape");
    }
    size_t len = strlen(*at);
    if (!json_utf8_valid(*at, len)) {
        return problem_set(p, ERR_BAD_QUERY, "", "the query is not valid UTF-8");
    }
    *out = *at;
    *at += len + 1;
    return ERR_OK;
}

static enum err parse_parameters(struct slice text, struct query *q, struct problem *p)
{
    char *at = q->store;
    enum err err;

    while (text.len > 0) {
        struct slice value = take_until(&text, '&');
        struct slice name = take_until(&value, '=');
        struct query_parameter *parameter = &q->parameters[q->count];

        if (name.len == 0 && value.len == 0) {
            continue;
        }
        if (q->count == QUERY_PARAMETERS_MAX) {
            return problem_set(p, ERR_BAD_QUERY, "", "the query has more than %d parameters",
                QUERY_PARAMETERS_MAX);
        }
        if ((err = decode(name, &at, &parameter->name, p)) ||
            (err = decode(value, &at, &parameter->value, p))) {
            return err;
        }
        q->count++;
    }
    return ERR_OK;
}

enum err query_parse(struct slice text, struct query *out, struct problem *p)
{
    /* Decoding makes nothing longer, and each name and value needs one NUL: at most one more than
     * there are separators, and one where a '=' is missing. */
    out->store = malloc(text.len + 2 * QUERY_PARAMETERS_MAX);
    out->count = 0;
    if (!out->store) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    enum err err = parse_parameters(text, out, p);
    if (err) {
        query_finish(out);
    }
    return err;
}

void query_finish(struct query *q)
{
    free(q->store);
    q->store = NULL;
}

static bool is_listed(const char *const *names, const char *name)
{
    while (*names && strcmp(*names, name) != 0) {
        names++;
    }
    return *names != NULL;
}

enum err query_only(
    const struct query *q, const char *const *names, const char *repeatable, struct problem *p)
{
    for (size_t i = 0; i < q->count; i++) {
        const char *name = q->parameters[i].name;

        if (!is_listed(names, name)) {
            return problem_set(p, ERR_UNKNOWN_FIELD, name, "unknown parameter");
        }
        bool is_first = query_find(q, name) == q->parameters[i].value;
        if (!is_first && !(repeatable && strcmp(name, repeatable) == 0)) {
            return problem_set(p, ERR_DUPLICATE_FIELD, name, "the parameter stands twice");
        }
    }
    return ERR_OK;
}

const char *query_find(const struct query *q, const char *name)
{
    for (size_t i = 0; i < q->count; i++) {
        if (strcmp(q->parameters[i].name, name) == 0) {
            return q->parameters[i].value;
        }
    }
    return NULL;
}

/* out is left as it is where there is no such parameter. */
static enum err copy_part(const struct query *q, const char *name, char *out, struct problem *p)
{
    const char *value = query_find(q, name);

    return value ? address_copy_part(slice_of(value), name, out, p) : ERR_OK;
}

enum err query_narrowing(const struct query *q, struct target *out, struct problem *p)
{
    struct target found = *out;
    enum err err;

    found.server_client[0] = '\0';
    found.page[0] = '\0';
    if ((err = copy_part(q, "serverClient", found.server_client, p)) ||
        (err = copy_part(q, "page", found.page, p))) {
        return err;
    }
    if (found.page[0] && !found.server_client[0]) {
        return problem_set(p, ERR_MISSING_FIELD, "serverClient", "page needs serverClient");
    }
    *out = found;
    return ERR_OK;
}

enum err query_target(const struct query *q, struct target *out, struct problem *p)
{
    struct target found = {.user_id = ""};
    enum err err;

    if (!query_find(q, "userId")) {
        return problem_set(p, ERR_MISSING_FIELD, "userId", NULL);
    }
    if ((err = copy_part(q, "userId", found.user_id, p)) || (err = query_narrowing(q, &found, p))) {
        return err;
    }
    *out = found;
    return ERR_OK;
}

enum err query_message_id(
    const struct query *q, const char *name, struct message_id *out, struct problem *p)
{
    const char *value = query_find(q, name);

    if (value && message_id_parse(slice_of(value), out)) {
        return problem_set(p, ERR_BAD_VALUE, name, "not a message id, such as 1764000000000-0");
    }
    return ERR_OK;
}

enum err query_int(const struct query *q, const char *name, int64_t min, int64_t max, int64_t *out,
    struct problem *p)
{
    const char *value = query_find(q, name);
    uint64_t number;

    if (!value) {
        return ERR_OK;
    }
    enum err err = parse_u64(slice_of(value), (uint64_t)max, &number);
    if (err == ERR_BAD_VALUE) {
        return problem_set(p, err, name, "not a whole number");
    }
    if (err || (int64_t)number < min) {
        return problem_set(
            p, ERR_OUT_OF_RANGE, name, "must be from %" PRId64 " to %" PRId64, min, max);
    }
    *out = (int64_t)number;
    return ERR_OK;
}

enum err query_read(const char *text, const char *const *names, const char *repeatable,
    struct query *out, struct problem *p)
{
    enum err err = query_parse(slice_of(text), out, p);

    if (err) {
        return err;
    }
    err = query_only(out, names, repeatable, p);
    if (err) {
        query_finish(out);
    }
    return err;
}
