/*
 * What is asked of a node on POST /presence, and its answer: whatever they say, only names of
 * groups and as many numbers as were asked for come out.
 */
#include "shared/headcount.h"

#include <assert.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

#define ASKED 2

void fuzz(struct slice input)
{
    struct headcount_question question;
    char name[GROUP_NAME_BYTES];
    int64_t *members;

    if (headcount_decode(input, &question, NULL) == ERR_OK) {
        assert(question.count > 0 && question.count <= HEADCOUNT_GROUPS_MAX);
        for (size_t i = 0; i < question.count; i++) {
            assert(group_name_copy(slice_of(question.groups[i]), "", name, NULL) == ERR_OK);
        }
    }
    if (headcount_answer_decode(input, ASKED, &members) == ERR_OK) {
        assert(members[0] >= 0 && members[ASKED - 1] >= 0);
        free(members);
    }
}
