/*
 * The error table's columns, and the sentence that goes with an error.
 */
#include "shared/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "shared/utf8.h"

static const struct {
    const char *name;
    int http_status;
    int n;
    const char *text;
} errors[ERR_COUNT] = {
#define ERROR(name, status, n, text) {#name, status, n, text},
#include "shared/errors.def"
#undef ERROR
};

const char *err_name(enum err err)
{
    assert(err < ERR_COUNT);
    return errors[err].name;
}

const char *err_text(enum err err)
{
    assert(err < ERR_COUNT);
    return errors[err].text;
}

int err_http_status(enum err err)
{
    assert(err < ERR_COUNT);
    return errors[err].http_status;
}

int err_code(enum err err)
{
    assert(err < ERR_COUNT);
    return err == ERR_OK ? 0 : errors[err].http_status * 100 + errors[err].n;
}

enum err problem_set(struct problem *p, enum err err, const char *field, const char *format, ...)
{
    if (!p) {
        return err;
    }
    p->err = err;
    snprintf(p->field, sizeof(p->field), "%s", field);
    utf8_trim(p->field);
    if (!format) {
        snprintf(p->msg, sizeof(p->msg), "%s", err_text(err));
        return err;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(p->msg, sizeof(p->msg), format, args);
    va_end(args);
    utf8_trim(p->msg);
    return err;
}
