/*
 * The command line that all programs share.
 */
#include "shared/option.h"

#include <getopt.h>
#include <stdlib.h>

#include "shared/option_print.h"

enum { EXIT_GO_ON = -1, EXIT_DONE = 0, EXIT_BAD_CONFIG = 1, EXIT_BAD_USAGE = 2 };

enum action { ACTION_RUN, ACTION_CHECK, ACTION_PRINT, ACTION_DOCS, ACTION_HELP, ACTION_VERSION };

struct request {
    enum action action;
    const char *path; /* borrowed from argv; NULL: none given */
};

static const char *program_name(enum program program)
{
    switch (program) {
    case PROGRAM_SEND:
        return "fcgi-send";
    case PROGRAM_NODE:
        return "wsnode";
    case PROGRAM_CONSUME:
        break;
    }
    return "wsctl consume";
}

static void print_usage(enum program program, FILE *out)
{
    fprintf(out,
        "usage: %s [-c FILE] [--check-config | --print-config | --print-docs | --help | "
        "--version]\n",
        program_name(program));
}

static void print_help(enum program program)
{
    print_usage(program, stdout);
    printf("\n"
           "  -c, --config FILE   settings (default: $SOCKETSEND_CONFIG, else\n"
           "                      /etc/socketsend/socketsend.conf if there is one)\n"
           "      --check-config  say whether the settings are good, and exit\n"
           "      --print-config  print the settings as they are in effect, and exit\n"
           "      --print-docs    print the tables of docs/configuration.md, and exit\n"
           "      --help          print this, and exit\n"
           "      --version       print the version, and exit\n"
           "\n"
           "A variable SOCKETSEND_<SECTION>_<KEY> in the environment overrides the file.\n");
    option_print_help(program, stdout);
}

/* Returns -1 where the command line makes no sense; that has been said then. */
static int parse_arguments(int argc, char **argv, enum program program, struct request *r)
{
    static const struct option long_options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check-config", no_argument, NULL, ACTION_CHECK},
        {"print-config", no_argument, NULL, ACTION_PRINT},
        {"print-docs", no_argument, NULL, ACTION_DOCS},
        {"help", no_argument, NULL, ACTION_HELP},
        {"version", no_argument, NULL, ACTION_VERSION},
        {NULL, 0, NULL, 0},
    };
    int found;

    optind = 1;
    while ((found = getopt_long(argc, argv, "c:", long_options, NULL)) != -1) {
        if (found == '?') { /* getopt has said what is wrong */
            print_usage(program, stderr);
            return -1;
        }
        if (found == 'c') {
            r->path = optarg;
        } else {
            r->action = (enum action)found;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "%s: unknown argument \"%s\"\n", program_name(program), argv[optind]);
        print_usage(program, stderr);
        return -1;
    }
    return 0;
}

/* What needs no configuration. */
static bool answer_at_once(enum action action, enum program program)
{
    switch (action) {
    case ACTION_DOCS:
        config_print_docs(stdout);
        return true;
    case ACTION_HELP:
        print_help(program);
        return true;
    case ACTION_VERSION:
        printf("%s %s\n", program_name(program), SOCKETSEND_VERSION);
        return true;
    case ACTION_RUN:
    case ACTION_CHECK:
    case ACTION_PRINT:
        break;
    }
    return false;
}

enum err config_command_line(
    struct config *c, int argc, char **argv, enum program program, int *exit_status)
{
    struct request request = {ACTION_RUN, NULL};
    bool is_cgi = getenv("GATEWAY_INTERFACE") != NULL;
    struct problem p;

    if (!is_cgi && parse_arguments(argc, argv, program, &request) != 0) {
        *exit_status = EXIT_BAD_USAGE;
        return ERR_BAD_VALUE;
    }
    *exit_status = EXIT_DONE;
    if (answer_at_once(request.action, program)) {
        return ERR_OK;
    }
    enum err err = config_load(c, request.path, program, &p);
    if (err != ERR_OK) {
        fprintf(stderr, "%s: %s\n", program_name(program), p.msg);
        *exit_status = EXIT_BAD_CONFIG;
        return err;
    }
    if (request.action == ACTION_RUN) {
        *exit_status = EXIT_GO_ON;
        return ERR_OK;
    }
    if (request.action == ACTION_PRINT) {
        config_print(c, program, stdout);
    } else {
        puts("ok");
    }
    config_finish(c);
    return ERR_OK;
}
