/*
 * A node's answer to POST /forwardClose: whatever it says, only ids of sessions come out.
 */
#include "shared/dismissal.h"

#include <assert.h>
#include <stdlib.h>

#include "shared/id.h"
#include "tests/fuzz/fuzz.h"

void fuzz(struct slice input)
{
    struct dismissal_answer answer;

    if (dismissal_answer_decode(input, &answer) == ERR_OK) {
        for (size_t i = 0; i < answer.gone_count; i++) {
            assert(id_is_session(slice_of(answer.gone[i])));
        }
        free(answer.gone);
    }
}
