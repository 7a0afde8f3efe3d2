/*
 * Errors: one enum for the whole system, made from errors.def, and the sentence that goes with one.
 *
 * A function that can fail returns enum err (must be checked) and writes its results only on
 * ERR_OK. One that has something to say about the input also takes a struct problem and fills it on
 * failure.
 */
#ifndef SHARED_ERR_H
#define SHARED_ERR_H

#define ERROR(name, status, n, text) ERR_##name,
enum err {
#include "shared/errors.def"
    ERR_COUNT
};
#undef ERROR

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))

/* What is wrong and where. field is a path such as "messages[3].userId", or "" for none. */
struct problem {
    enum err err;
    char field[96];
    char msg[256];
};

const char *err_name(enum err err); /* "NOT_JSON" */
const char *err_text(enum err err); /* the text of the table */
int err_http_status(enum err err);  /* 400 */
int err_code(enum err err);         /* 40001; 0 for ERR_OK */

/*
 * Fills p (which may be NULL) with err, field and a sentence made from format, or with the text of
 * the table where format is NULL. Too long texts are cut at a character's edge. Returns err, so
 * that `return problem_set(p, ERR_…, …);` reads as one step.
 */
enum err problem_set(struct problem *p, enum err err, const char *field, const char *format, ...)
    PRINTF_LIKE(4, 5);

#endif
