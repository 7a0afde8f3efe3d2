/*
 * Configuration: the table options.def, the file (INI, by inih), the environment, in that order of
 * growing precedence. Nothing else in the system reads a file or the environment for settings.
 */
#ifndef SHARED_OPTION_H
#define SHARED_OPTION_H

#include <stdio.h>

#include "shared/config.h"
#include "shared/err.h"

/*
 * path: the file, or NULL: $SOCKETSEND_CONFIG, else /etc/socketsend/socketsend.conf if it exists,
 * else no file. c is to be finished after ERR_OK only. An unknown section or key, a bad value, a
 * value set twice or a required one missing (required only of `program`'s options) is ERR_BAD_VALUE
 * with a sentence that names file, line, key and what is allowed, e.g. `socketsend.conf:12:
 * node.workers: "many" is not a whole number from 0 to 256`; from the environment it names the
 * variable. An unknown SOCKETSEND_* variable is an error too, and so are options that don't go
 * together.
 */
enum err config_load(
    struct config *c, const char *path, enum program program, struct problem *p) MUST_CHECK;
void config_finish(struct config *c);

/* The program's options as a valid file. Secrets that are not the default are only named, in a
 * comment. */
void config_print(const struct config *c, enum program program, FILE *out);
void config_print_docs(FILE *out); /* the tables of docs/configuration.md */

/*
 * The command line shared by all programs:
 *     [-c FILE] [--check-config | --print-config | --print-docs | --help | --version]
 * ERR_OK and *exit_status < 0: go on with c loaded, config_finish() is due. Else exit with
 * *exit_status: 0 where what was asked for is done, 1 for a bad configuration, 2 for a bad command
 * line; all has been said. A CGI process has no command line (RFC 3875 4.4: a web server may pass
 * the query there), so its arguments are not read.
 */
enum err config_command_line(
    struct config *c, int argc, char **argv, enum program program, int *exit_status) MUST_CHECK;

#endif
