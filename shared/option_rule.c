/*
 * Checks one rule after the other.
 */
#include "shared/option_rule.h"

enum err option_rules_check(const struct option_rule *list, size_t count, const struct config *c,
    enum program program, enum option_index *blamed, struct problem *p)
{
    for (size_t i = 0; i < count; i++) {
        const struct option *o = &options[list[i].option];

        if ((o->programs & program) && !list[i].holds(c)) {
            *blamed = list[i].option;
            return problem_set(p, ERR_BAD_VALUE, o->name, "%s", list[i].must);
        }
    }
    return ERR_OK;
}
