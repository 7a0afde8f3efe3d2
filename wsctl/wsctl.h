/*
 * The command-line tool: one function per subcommand, all in one table (main.c).
 */
#ifndef WSCTL_WSCTL_H
#define WSCTL_WSCTL_H

enum { WSCTL_OK = 0, WSCTL_FAILED = 1, WSCTL_BAD_USAGE = 2 };

/* argv[0] is the subcommand's name. Says what is wrong on stderr; returns the exit status. */
typedef int wsctl_run(int argc, char **argv);

wsctl_run token_run;   /* token_command.c */
wsctl_run consume_run; /* consume_command.c */

#endif
