/*
 * The option table as data, for the option_*.c files: options.def as an array, and one value as
 * text to read, to write and to explain. Everybody else reads struct config.
 */
#ifndef SHARED_OPTION_TABLE_H
#define SHARED_OPTION_TABLE_H

#include "shared/buf.h"
#include "shared/config.h"
#include "shared/err.h"

enum option_type {
    TYPE_TEXT,
    TYPE_SECRET,
    TYPE_LIST,
    TYPE_DURATION,
    TYPE_SIZE,
    TYPE_COUNT,
    TYPE_FLAG,
    TYPE_CHOICE
};

struct option {
    const char *section;
    const char *key;
    const char *name;          /* "section.key" */
    const char *default_value; /* as in the file; NULL: must be set */
    const char *min;           /* as in the file; NULL where the type has no limits */
    const char *max;
    const char *words; /* of a choice, separated by spaces */
    const char *meaning;
    enum option_type type;
    unsigned programs; /* enum program, one bit each */
    size_t offset;     /* of its field in struct config */
};

/* OPTION_node_workers is the place of node.workers in options[]. */
enum option_index {
#define OPTION_TEXT(section, key, ...) OPTION_##section##_##key,
#define OPTION_SECRET OPTION_TEXT
#define OPTION_LIST OPTION_TEXT
#define OPTION_DURATION OPTION_TEXT
#define OPTION_SIZE OPTION_TEXT
#define OPTION_COUNT OPTION_TEXT
#define OPTION_FLAG OPTION_TEXT
#define OPTION_CHOICE OPTION_TEXT
#include "shared/options.def"
#undef OPTION_TEXT
#undef OPTION_SECRET
#undef OPTION_LIST
#undef OPTION_DURATION
#undef OPTION_SIZE
#undef OPTION_COUNT
#undef OPTION_FLAG
#undef OPTION_CHOICE
    OPTIONS_COUNT
};
extern const struct option options[OPTIONS_COUNT];

bool option_is_text(const struct option *o); /* its field is a string */

#define OPTION_ENV_PREFIX "SOCKETSEND_"
/* One value: hundreds of API keys fit. */
#define OPTION_VALUE_BYTES_MAX 65536
/* SOCKETSEND_<SECTION>_<KEY> and the NUL. */
#define OPTION_ENV_BYTES 64

/* NULL where there is none. */
const struct option *option_find(const char *section, const char *key);
const struct option *option_find_env(const char *variable);
const char *option_env_name(const struct option *o, char out[OPTION_ENV_BYTES]); /* returns out */

/* Reads a value into its field of c; a text that was there is freed. ERR_BAD_VALUE where it is not
 * what option_add_allowed() says, ERR_NO_MEMORY; c is unchanged then. */
enum err option_set(const struct option *o, struct config *c, const char *value) MUST_CHECK;
void option_clear(const struct option *o, struct config *c); /* frees a text */
/* The value as the file has it. */
void option_add_value(const struct option *o, const struct config *c, struct buf *out);
/* "a whole number from 0 to 256": what can be written. */
void option_add_allowed(const struct option *o, struct buf *out);

#endif
