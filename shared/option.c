/*
 * Loads the configuration: defaults, the file, the environment, then the rules that go beyond one
 * value. Every complaint names the place to mend.
 */
#include "shared/option.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/file.h"
#include "shared/option_check.h"
#include "shared/option_table.h"

#define DEFAULT_PATH "/etc/socketsend/socketsend.conf"
#define PATH_VARIABLE OPTION_ENV_PREFIX "CONFIG"
#define PLACE_BYTES 200
#define FILE_SCHEME "file:"

extern char **environ;

/* Where a value came from, if not from the file's line of that number. */
enum { SOURCE_DEFAULT = 0, SOURCE_ENVIRONMENT = -1 };

struct load {
    struct config config;
    enum program program;
    const char *path; /* borrowed */
    FILE *file;
    char *line; /* owned, by getline() */
    size_t line_bytes;
    int line_number;
    int source[OPTIONS_COUNT];
    enum err err; /* of the first problem; nothing is read after it */
    struct problem *p;
};

static void fail(struct load *l, const char *place, const char *name, const char *format, ...)
    PRINTF_LIKE(4, 5);
static void fail(struct load *l, const char *place, const char *name, const char *format, ...)
{
    char sentence[sizeof(l->p->msg)];
    va_list args;

    if (l->err != ERR_OK) {
        return;
    }
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    l->err = problem_set(l->p, ERR_BAD_VALUE, name, "%s: %s", place, sentence);
}

/* "socketsend.conf:12" */
static const char *place_of_line(const struct load *l, int line, char out[PLACE_BYTES])
{
    snprintf(out, PLACE_BYTES, "%s:%d", l->path, line);
    return out;
}

/* "socketsend.conf:12: node.workers", "SOCKETSEND_NODE_WORKERS", or "node.workers" for a default.
 */
static const char *place_of(const struct load *l, const struct option *o, char out[PLACE_BYTES])
{
    int source = l->source[o - options];

    if (source == SOURCE_ENVIRONMENT) {
        return option_env_name(o, out);
    }
    if (source == SOURCE_DEFAULT) {
        return o->name;
    }
    snprintf(out, PLACE_BYTES, "%s:%d: %s", l->path, source, o->name);
    return out;
}

static void set_value(struct load *l, const struct option *o, const char *value)
{
    enum err err = option_set(o, &l->config, value);
    struct buf allowed;
    char place[PLACE_BYTES];

    if (err == ERR_OK) {
        return;
    }
    if (err == ERR_NO_MEMORY) {
        l->err = problem_set(l->p, err, o->name, NULL);
        return;
    }
    buf_init(&allowed, PLACE_BYTES);
    option_add_allowed(o, &allowed);
    if (o->type == TYPE_SECRET) {
        fail(l, place_of(l, o, place), o->name, "is not %s", buf_str(&allowed));
    } else {
        fail(l, place_of(l, o, place), o->name, "\"%.60s\" is not %s", value, buf_str(&allowed));
    }
    buf_finish(&allowed);
}

/* What the file behind "file:" holds, as service managers pass credentials. */
static void set_from_file(struct load *l, const struct option *o, const char *path)
{
    char place[PLACE_BYTES];
    struct problem problem;
    struct buf text;

    buf_init(&text, OPTION_VALUE_BYTES_MAX);
    enum err err = file_read(path, &text, o->name, &problem);
    if (err) {
        fail(l, place_of(l, o, place), o->name, "%s", problem.msg);
    } else {
        if (text.len > 0 && text.bytes[text.len - 1] == '\n') {
            text.bytes[text.len - 1] = '\0';
        }
        set_value(l, o, buf_str(&text)); /* which refuses a second line */
    }
    buf_finish(&text);
}

/* What was written, in the file or the environment. */
static void set_written(struct load *l, const struct option *o, const char *value)
{
    bool is_path = o->type == TYPE_SECRET && strncmp(value, FILE_SCHEME, strlen(FILE_SCHEME)) == 0;

    if (is_path) {
        set_from_file(l, o, value + strlen(FILE_SCHEME));
    } else {
        set_value(l, o, value);
    }
}

static void load_defaults(struct load *l)
{
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        const struct option *o = &options[i];
        if (o->default_value || option_is_text(o)) {
            set_value(l, o, o->default_value ? o->default_value : "");
        }
    }
}

/* inih takes a comment and the space before it off the first line of a value only. */
static size_t len_without_comment(const char *text)
{
    size_t len = 0;

    while (text[len] && !(text[len] == ';' && len > 0 && isblank((unsigned char)text[len - 1]))) {
        len++;
    }
    while (len > 0 && isblank((unsigned char)text[len - 1])) {
        len--;
    }
    return len;
}

/* inih takes an indented line as more of the value above. That suits lists; elsewhere it would
 * be a trap. */
static void extend_value(struct load *l, const struct option *o, const char *more)
{
    char place[PLACE_BYTES];
    struct buf whole;

    if (o->type != TYPE_SECRET && o->type != TYPE_LIST) {
        fail(l, place_of_line(l, l->line_number, place), o->name,
            "an indented line goes on with %s; start every key in the first column", o->name);
        return;
    }
    buf_init(&whole, OPTION_VALUE_BYTES_MAX);
    option_add_value(o, &l->config, &whole);
    buf_addf(&whole, " %.*s", (int)len_without_comment(more), more);
    if (buf_err(&whole) == ERR_OK) {
        set_value(l, o, buf_str(&whole));
    } else {
        fail(l, place_of(l, o, place), o->name, "is longer than %d bytes", OPTION_VALUE_BYTES_MAX);
    }
    buf_finish(&whole);
}

static bool is_section(const char *section)
{
    size_t i = 0;

    while (i < OPTIONS_COUNT && strcmp(options[i].section, section) != 0) {
        i++;
    }
    return i < OPTIONS_COUNT;
}

static void fail_unknown(struct load *l, const char *section, const char *key)
{
    char place[PLACE_BYTES];

    place_of_line(l, l->line_number, place);
    if (is_section(section)) {
        fail(l, place, "", "%s.%s: no such key; --help lists all", section, key);
    } else if (*section) {
        fail(l, place, "", "[%s]: no such section; --help lists all", section);
    } else {
        fail(l, place, "", "%s stands before the first [section]", key);
    }
}

static int on_value(void *user, const char *section, const char *key, const char *value)
{
    struct load *l = user;
    const struct option *o = option_find(section, key);
    char place[PLACE_BYTES];

    if (!o) {
        fail_unknown(l, section, key);
        return 0;
    }
    int *source = &l->source[o - options];
    if (*source == SOURCE_DEFAULT) {
        *source = l->line_number;
        set_written(l, o, value);
    } else if (l->line[0] == ' ' || l->line[0] == '\t') {
        extend_value(l, o, value);
    } else {
        place_of_line(l, l->line_number, place);
        fail(l, place, o->name, "%s is set twice, first in line %d", o->name, *source);
    }
    return l->err == ERR_OK;
}

/*
 * Hands inih one line. Its handler is not told the number of the line, so it is counted here; and
 * it would take a line that is longer than its buffer (200 bytes in Debian's build) apart without a
 * word.
 */
static char *read_line(char *out, int out_bytes, void *user)
{
    struct load *l = user;
    char place[PLACE_BYTES];

    if (l->err != ERR_OK) {
        return NULL;
    }
    ssize_t len = getline(&l->line, &l->line_bytes, l->file);
    if (len < 0) {
        return NULL;
    }
    l->line_number++;
    char first = l->line[strspn(l->line, " \t")];
    if (first == '#' || first == ';') {
        snprintf(out, (size_t)out_bytes, "\n");
        return out;
    }
    place_of_line(l, l->line_number, place);
    if (strlen(l->line) != (size_t)len) {
        fail(l, place, "", "a NUL byte");
        return NULL;
    }
    if (len >= out_bytes) {
        fail(l, place, "",
            "the line is longer than %d bytes; lists of keys may go on in indented lines",
            out_bytes - 1);
        return NULL;
    }
    memcpy(out, l->line, (size_t)len + 1);
    return out;
}

static void parse_file(struct load *l)
{
    int bad_line = ini_parse_stream(read_line, l, on_value, l);
    char place[PLACE_BYTES];

    if (ferror(l->file)) {
        fail(l, l->path, "", "%s", strerror(errno));
    }
    /* inih goes on after a line that it does not understand, so a later problem may have come
     * first. */
    if (bad_line > 0 && (l->err == ERR_OK || bad_line < l->line_number)) {
        l->err = ERR_OK;
        place_of_line(l, bad_line, place);
        fail(l, place, "", "neither [section] nor key = value");
    }
}

static void load_file(struct load *l, const char *path)
{
    const char *asked_for = path ? path : getenv(PATH_VARIABLE);
    bool may_be_absent = !asked_for || !*asked_for;

    l->path = may_be_absent ? DEFAULT_PATH : asked_for;
    l->file = fopen(l->path, "re");
    if (l->file) {
        parse_file(l);
        (void)fclose(l->file); /* it was only read: nothing is lost */
    } else if (!may_be_absent || errno != ENOENT) {
        fail(l, l->path, "", "%s", strerror(errno));
    }
}

static void load_variable(struct load *l, const char *variable)
{
    const char *equals = strchr(variable, '=');
    char name[OPTION_ENV_BYTES];

    if (!equals) {
        return;
    }
    snprintf(name, sizeof(name), "%.*s", (int)(equals - variable), variable);
    if (strcmp(name, PATH_VARIABLE) == 0) {
        return;
    }
    const struct option *o = option_find_env(name);
    if (!o) {
        fail(l, name, "", "no such variable; --help lists all");
        return;
    }
    l->source[o - options] = SOURCE_ENVIRONMENT;
    set_written(l, o, equals + 1);
}

static void load_environment(struct load *l)
{
    for (char **variable = environ; *variable; variable++) {
        if (strncmp(*variable, OPTION_ENV_PREFIX, strlen(OPTION_ENV_PREFIX)) == 0) {
            load_variable(l, *variable);
        }
    }
}

static void check_required(struct load *l)
{
    char variable[OPTION_ENV_BYTES];

    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        const struct option *o = &options[i];
        bool required = !o->default_value && (o->programs & l->program);
        if (required && l->source[i] == SOURCE_DEFAULT) {
            fail(l, o->name, o->name, "must be set, in the file or as %s",
                option_env_name(o, variable));
        }
    }
}

static void check_rules(struct load *l)
{
    char place[PLACE_BYTES];
    enum option_index blamed;
    struct problem broken;

    if (l->err != ERR_OK) {
        return; /* half a configuration would break rules that the whole one keeps */
    }
    enum err err = option_check(&l->config, l->program, &blamed, &broken);
    if (err == ERR_NO_MEMORY) {
        l->err = problem_set(l->p, err, "", NULL);
    } else if (err != ERR_OK) {
        fail(l, place_of(l, &options[blamed], place), options[blamed].name, "%s", broken.msg);
    }
}

enum err config_load(struct config *c, const char *path, enum program program, struct problem *p)
{
    struct load l = {.program = program, .p = p};

    load_defaults(&l);
    load_file(&l, path);
    load_environment(&l);
    check_required(&l);
    check_rules(&l);
    free(l.line);
    if (l.err != ERR_OK) {
        config_finish(&l.config);
        return l.err;
    }
    *c = l.config;
    return ERR_OK;
}

void config_finish(struct config *c)
{
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        option_clear(&options[i], c);
    }
}
