/*
 * options.def as an array, and the eight types of values: read, written and explained.
 */
#include "shared/option_table.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/parse.h"

enum {
    SEND = PROGRAM_SEND,
    NODE = PROGRAM_NODE,
    CONSUME = PROGRAM_CONSUME,
    BOTH = SEND | NODE,
    EVERY = BOTH | CONSUME
};

#define OPTION(sec, id, field, value_type, value, least, most, list, program_bits, what)           \
    {                                                                                              \
        .section = #sec,                                                                           \
        .key = #id,                                                                                \
        .name = #sec "." #id,                                                                      \
        .default_value = (value),                                                                  \
        .min = (least),                                                                            \
        .max = (most),                                                                             \
        .words = (list),                                                                           \
        .meaning = (what),                                                                         \
        .type = (value_type),                                                                      \
        .programs = (program_bits),                                                                \
        .offset = offsetof(struct config, field),                                                  \
    },
#define OPTION_TEXT(section, key, value, programs, text)                                           \
    OPTION(section, key, section##_##key, TYPE_TEXT, value, NULL, NULL, NULL, programs, text)
#define OPTION_SECRET(section, key, value, programs, text)                                         \
    OPTION(section, key, section##_##key, TYPE_SECRET, value, NULL, NULL, NULL, programs, text)
#define OPTION_LIST(section, key, value, programs, text)                                           \
    OPTION(section, key, section##_##key, TYPE_LIST, value, NULL, NULL, NULL, programs, text)
#define OPTION_DURATION(section, key, value, min, max, programs, text)                             \
    OPTION(section, key, section##_##key##_ms, TYPE_DURATION, value, min, max, NULL, programs, text)
#define OPTION_SIZE(section, key, value, min, max, programs, text)                                 \
    OPTION(section, key, section##_##key##_bytes, TYPE_SIZE, value, min, max, NULL, programs, text)
#define OPTION_COUNT(section, key, value, min, max, programs, text)                                \
    OPTION(section, key, section##_##key, TYPE_COUNT, value, #min, #max, NULL, programs, text)
#define OPTION_FLAG(section, key, value, programs, text)                                           \
    OPTION(section, key, section##_##key, TYPE_FLAG, value, NULL, NULL, NULL, programs, text)
#define OPTION_CHOICE(section, key, value, words, programs, text)                                  \
    OPTION(section, key, section##_##key, TYPE_CHOICE, value, NULL, NULL, words, programs, text)

const struct option options[OPTIONS_COUNT] = {
#include "shared/options.def"
};

const struct option *option_find(const char *section, const char *key)
{
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        if (strcmp(options[i].section, section) == 0 && strcmp(options[i].key, key) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

const struct option *option_find_env(const char *variable)
{
    char name[OPTION_ENV_BYTES];

    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        if (strcmp(option_env_name(&options[i], name), variable) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

const char *option_env_name(const struct option *o, char out[OPTION_ENV_BYTES])
{
    int len = snprintf(out, OPTION_ENV_BYTES, OPTION_ENV_PREFIX "%s_%s", o->section, o->key);

    assert(len < OPTION_ENV_BYTES);
    for (int i = 0; i < len; i++) {
        out[i] = (char)toupper((unsigned char)out[i]);
    }
    return out;
}

static void *field_of(const struct option *o, struct config *c)
{
    return (char *)c + o->offset;
}

static const void *const_field_of(const struct option *o, const struct config *c)
{
    return (const char *)c + o->offset;
}

/* Only what the file could hold too: one line, no space at its ends, no " ;" (a comment). */
static bool is_plain_text(const char *value)
{
    char before = ' ';

    for (const char *at = value; *at; at++) {
        if (iscntrl((unsigned char)*at) || (before == ' ' && *at == ';') ||
            (at == value && *at == ' ')) {
            return false;
        }
        before = *at;
    }
    return !*value || before != ' ';
}

static enum err set_text(const struct option *o, struct config *c, const char *value)
{
    if (!is_plain_text(value)) {
        return ERR_BAD_VALUE;
    }
    const char *copy = strdup(value);
    if (!copy) {
        return ERR_NO_MEMORY;
    }
    option_clear(o, c);
    memcpy(field_of(o, c), &copy, sizeof(copy));
    return ERR_OK;
}

bool option_is_text(const struct option *o)
{
    return o->type == TYPE_TEXT || o->type == TYPE_SECRET || o->type == TYPE_LIST;
}

void option_clear(const struct option *o, struct config *c)
{
    char *owned;

    if (option_is_text(o)) {
        memcpy(&owned, field_of(o, c), sizeof(owned));
        free(owned);
        memset(field_of(o, c), 0, sizeof(owned));
    }
}

static enum err parse_number(enum option_type type, const char *value, int64_t *out)
{
    uint64_t count;

    if (type == TYPE_DURATION) {
        return parse_duration_ms(slice_of(value), out);
    }
    if (type == TYPE_SIZE) {
        return parse_size_bytes(slice_of(value), out);
    }
    enum err err = parse_u64(slice_of(value), INT64_MAX, &count);
    if (err == ERR_OK) {
        *out = (int64_t)count;
    }
    return err;
}

static enum err set_number(const struct option *o, struct config *c, const char *value)
{
    int64_t number = 0;
    int64_t min = 0;
    int64_t max = 0;
    enum err err = parse_number(o->type, o->min, &min);

    assert(err == ERR_OK);
    err = parse_number(o->type, o->max, &max);
    assert(err == ERR_OK);
    err = parse_number(o->type, value, &number);
    if (err != ERR_OK || number < min || number > max) {
        return ERR_BAD_VALUE;
    }
    memcpy(field_of(o, c), &number, sizeof(number));
    return ERR_OK;
}

static enum err set_flag(const struct option *o, struct config *c, const char *value)
{
    return parse_bool(slice_of(value), field_of(o, c));
}

/* The word at *list, which moves past it; len 0 at the end of the list. */
static struct slice next_word(const char **list)
{
    struct slice word = {*list, strcspn(*list, " ")};

    *list += word.len;
    *list += **list == ' ';
    return word;
}

static enum err set_choice(const struct option *o, struct config *c, const char *value)
{
    const char *rest = o->words;
    struct slice word = next_word(&rest);

    for (int place = 0; word.len > 0; place++, word = next_word(&rest)) {
        if (slice_equal(word, value)) {
            memcpy(field_of(o, c), &place, sizeof(place));
            return ERR_OK;
        }
    }
    return ERR_BAD_VALUE;
}

enum err option_set(const struct option *o, struct config *c, const char *value)
{
    switch (o->type) {
    case TYPE_TEXT:
    case TYPE_SECRET:
    case TYPE_LIST:
        return set_text(o, c, value);
    case TYPE_DURATION:
    case TYPE_SIZE:
    case TYPE_COUNT:
        return set_number(o, c, value);
    case TYPE_FLAG:
        return set_flag(o, c, value);
    case TYPE_CHOICE:
        return set_choice(o, c, value);
    }
    return ERR_INTERNAL; /* not reached: every type has a case */
}

struct scale {
    int64_t factor;
    const char *unit;
};

/* The largest unit in which the number is whole. The last unit of a scale is 1. */
static void add_scaled(int64_t number, const struct scale *scale, struct buf *out)
{
    while (number == 0 ? scale->factor > 1 : number % scale->factor != 0) {
        scale++;
    }
    buf_addf(out, "%" PRId64 "%s", number / scale->factor, scale->unit);
}

static void add_number(const struct option *o, const struct config *c, struct buf *out)
{
    static const struct scale durations[] = {
        {86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    static const struct scale sizes[] = {{1 << 30, "g"}, {1 << 20, "m"}, {1 << 10, "k"}, {1, ""}};
    static const struct scale counts[] = {{1, ""}};
    int64_t number;

    memcpy(&number, const_field_of(o, c), sizeof(number));
    const struct scale *scale = o->type == TYPE_DURATION ? durations
                                : o->type == TYPE_SIZE   ? sizes
                                                         : counts;
    add_scaled(number, scale, out);
}

static void add_choice(const struct option *o, const struct config *c, struct buf *out)
{
    const char *rest = o->words;
    struct slice word = next_word(&rest);
    int place;

    memcpy(&place, const_field_of(o, c), sizeof(place));
    while (place-- > 0) {
        word = next_word(&rest);
    }
    buf_add(out, word.at, word.len);
}

void option_add_value(const struct option *o, const struct config *c, struct buf *out)
{
    const char *text;
    bool flag;

    switch (o->type) {
    case TYPE_TEXT:
    case TYPE_SECRET:
    case TYPE_LIST:
        memcpy(&text, const_field_of(o, c), sizeof(text));
        buf_add_str(out, text);
        break;
    case TYPE_DURATION:
    case TYPE_SIZE:
    case TYPE_COUNT:
        add_number(o, c, out);
        break;
    case TYPE_FLAG:
        memcpy(&flag, const_field_of(o, c), sizeof(flag));
        buf_add_str(out, flag ? "yes" : "no");
        break;
    case TYPE_CHOICE:
        add_choice(o, c, out);
        break;
    }
}

void option_add_allowed(const struct option *o, struct buf *out)
{
    switch (o->type) {
    case TYPE_TEXT:
    case TYPE_SECRET:
        buf_add_str(out, "a line of text");
        break;
    case TYPE_LIST:
        buf_add_str(out, "words separated by spaces");
        break;
    case TYPE_DURATION:
        buf_addf(out, "a duration from %s to %s", o->min, o->max);
        break;
    case TYPE_SIZE:
        buf_addf(out, "a size from %s to %s", o->min, o->max);
        break;
    case TYPE_COUNT:
        buf_addf(out, "a whole number from %s to %s", o->min, o->max);
        break;
    case TYPE_FLAG:
        buf_add_str(out, "yes or no");
        break;
    case TYPE_CHOICE:
        buf_addf(out, "one of: %s", o->words);
        break;
    }
}
