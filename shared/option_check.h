/*
 * The rules that options.def cannot say: the form of an address, how options go together, and that
 * the files which they name are good.
 */
#ifndef SHARED_OPTION_CHECK_H
#define SHARED_OPTION_CHECK_H

#include "shared/option_table.h"

/*
 * Checks the options that this program reads. ERR_BAD_VALUE: *blamed is the one to mend, and p->msg
 * says what it must be, or what is wrong with it, in words that go behind its name. ERR_NO_MEMORY.
 */
enum err option_check(const struct config *c, enum program program, enum option_index *blamed,
    struct problem *p) MUST_CHECK;

/* Its last steps, the same way: the files, and what is wsctl's. */
enum err option_check_files(const struct config *c, enum program program, enum option_index *blamed,
    struct problem *p) MUST_CHECK;

enum err option_check_consume(
    const struct config *c, enum option_index *blamed, struct problem *p) MUST_CHECK;

#endif
