/*
 * Rules for the option_check*.c files: one line per rule.
 */
#ifndef SHARED_OPTION_RULE_H
#define SHARED_OPTION_RULE_H

#include "shared/option_table.h"

struct option_rule {
    enum option_index option; /* the one to blame */
    bool (*holds)(const struct config *c);
    const char *must; /* what is said where it does not hold */
};
enum err option_rules_check(const struct option_rule *list, size_t count, const struct config *c,
    enum program program, enum option_index *blamed, struct problem *p) MUST_CHECK;

#endif
