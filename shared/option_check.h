/*
 * The rules that options.def cannot say: the form of an address, and how options go together.
 */
#ifndef SHARED_OPTION_CHECK_H
#define SHARED_OPTION_CHECK_H

#include "shared/option_table.h"

struct option_rule {
    enum option_index option; /* the one to blame */
    bool (*holds)(const struct config *c);
    const char *must; /* what is said where it does not hold */
};

/* The first rule that is broken, of those about options of this program; NULL where all hold. */
const struct option_rule *option_broken_rule(const struct config *c, enum program program);

#endif
