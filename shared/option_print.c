/*
 * The option table and a configuration as text: --print-config, --print-docs and --help.
 */
#include "shared/option_print.h"

#include <string.h>

#include "shared/option_table.h"

/* The next option of one of these programs, the first one after NULL; NULL where there is none. */
static const struct option *next_option(const struct option *before, unsigned programs)
{
    size_t i = before ? (size_t)(before - options) + 1 : 0;

    while (i < OPTIONS_COUNT && !(options[i].programs & programs)) {
        i++;
    }
    return i < OPTIONS_COUNT ? &options[i] : NULL;
}

/* A secret that is not the default, which everybody knows. */
static bool must_hide(const struct option *o, const char *value)
{
    return o->type == TYPE_SECRET && strcmp(value, o->default_value ? o->default_value : "") != 0;
}

/* Each word of a list on a line of its own: a line of the file has at most 199 bytes. */
static void print_setting(const struct option *o, const char *value, FILE *out)
{
    fprintf(out, "%s = ", o->key);
    for (; *value; value++) {
        if (o->type == TYPE_LIST && *value == ' ') {
            fputs("\n   ", out);
        }
        fputc(*value, out);
    }
    fputc('\n', out);
}

void config_print(const struct config *c, enum program program, FILE *out)
{
    const char *section = "";
    struct buf value;

    buf_init(&value, OPTION_VALUE_BYTES_MAX);
    for (const struct option *o = next_option(NULL, program); o; o = next_option(o, program)) {
        if (strcmp(section, o->section) != 0) {
            fprintf(out, "%s[%s]\n", *section ? "\n" : "", o->section);
            section = o->section;
        }
        buf_reset(&value);
        option_add_value(o, c, &value);
        if (must_hide(o, buf_str(&value))) {
            fprintf(out, "# %s is set, and secret\n", o->key);
        } else {
            print_setting(o, buf_str(&value), out);
        }
    }
    buf_finish(&value);
}

static const char *programs_text(unsigned programs)
{
    static const char *const texts[] = {
        [PROGRAM_SEND] = "fcgi-send",
        [PROGRAM_NODE] = "wsnode",
        [PROGRAM_SEND | PROGRAM_NODE] = "both",
        [PROGRAM_CONSUME] = "wsctl consume",
        [PROGRAM_SEND | PROGRAM_NODE | PROGRAM_CONSUME] = "all",
    };
    return texts[programs];
}

/* Markdown takes <name> for HTML and | for the next cell. */
static void print_cell(const char *text, FILE *out)
{
    for (; *text; text++) {
        if (strchr("<|*", *text)) {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
}

static void print_default(const struct option *o, FILE *out)
{
    if (!o->default_value) {
        fputs("must be set", out);
    } else if (!*o->default_value) {
        fputs("empty", out);
    } else {
        fprintf(out, "`%s`", o->default_value);
    }
}

static void print_allowed(const struct option *o, FILE *out, void (*print)(const char *, FILE *))
{
    struct buf allowed;

    buf_init(&allowed, OPTION_VALUE_BYTES_MAX);
    option_add_allowed(o, &allowed);
    print(buf_str(&allowed), out);
    buf_finish(&allowed);
}

void config_print_docs(FILE *out)
{
    const unsigned all = PROGRAM_SEND | PROGRAM_NODE | PROGRAM_CONSUME;
    const char *section = "";

    for (const struct option *o = next_option(NULL, all); o; o = next_option(o, all)) {
        if (strcmp(section, o->section) != 0) {
            fprintf(out, "%s### [%s]\n\n", *section ? "\n" : "", o->section);
            fputs("| key | default | allowed | read by | meaning |\n", out);
            fputs("| --- | --- | --- | --- | --- |\n", out);
            section = o->section;
        }
        fprintf(out, "| `%s` | ", o->key);
        print_default(o, out);
        fputs(" | ", out);
        print_allowed(o, out, print_cell);
        fprintf(out, " | %s | ", programs_text(o->programs));
        print_cell(o->meaning, out);
        fputs(" |\n", out);
    }
}

static void print_plain(const char *text, FILE *out)
{
    fputs(text, out);
}

void option_print_help(enum program program, FILE *out)
{
    const char *section = "";

    for (const struct option *o = next_option(NULL, program); o; o = next_option(o, program)) {
        if (strcmp(section, o->section) != 0) {
            fprintf(out, "\n[%s]\n", o->section);
            section = o->section;
        }
        fprintf(out, "  %s = %s\n", o->key, o->default_value ? o->default_value : "(must be set)");
        fprintf(out, "      %s\n      ", o->meaning);
        print_allowed(o, out, print_plain);
        fputs("\n", out);
    }
}
