/*
 * wsctl: small jobs around a running system. Finds the subcommand and hands over to it.
 */
#include <stdio.h>
#include <string.h>

#include "wsctl/wsctl.h"

struct subcommand {
    const char *name;
    const char *meaning;
    wsctl_run *run;
};

static const struct subcommand subcommands[] = {
    {"token", "make a token that the nodes with a configuration accept", token_run},
    {"consume", "send what a Redis stream or a queue of RabbitMQ holds", consume_run},
};

static void print_help(FILE *out)
{
    fputs("usage: wsctl SUBCOMMAND [OPTION]…\n\n", out);
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
        fprintf(out, "  %-10s %s\n", subcommands[i].name, subcommands[i].meaning);
    }
    fputs("\nwsctl SUBCOMMAND --help tells its options, wsctl --version the version.\n", out);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (strcmp(name, "--help") == 0) {
        print_help(stdout);
        return WSCTL_OK;
    }
    if (strcmp(name, "--version") == 0) {
        puts("wsctl " SOCKETSEND_VERSION);
        return WSCTL_OK;
    }
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
        if (strcmp(subcommands[i].name, name) == 0) {
            return subcommands[i].run(argc - 1, argv + 1);
        }
    }
    if (*name) {
        fprintf(stderr, "wsctl: no such subcommand: %s\n", name);
    }
    print_help(stderr);
    return WSCTL_BAD_USAGE;
}
