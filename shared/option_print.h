/*
 * The text of --help, made from the option table.
 */
#ifndef SHARED_OPTION_PRINT_H
#define SHARED_OPTION_PRINT_H

#include "shared/option.h"

/* Every option of the program, section by section, with its default and what is allowed. */
void option_print_help(enum program program, FILE *out);

#endif
