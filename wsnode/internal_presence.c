/*
 * POST /presence: how many members groups have here.
 */
#include <string.h>

#include "shared/headcount.h"
#include "wsnode/internal_http.h"

#define ANSWER_BYTES_MAX 4096

void internal_presence(struct internal_request *r)
{
    int64_t members[HEADCOUNT_GROUPS_MAX];
    struct headcount_question question;
    struct problem p;
    struct buf body;

    if (headcount_decode((struct slice){buf_str(&r->body), r->body.len}, &question, &p)) {
        internal_fail(r, &p);
        return;
    }
    if (strcmp(question.boot, r->node->boot) != 0) {
        (void)problem_set(&p, ERR_WRONG_BOOT, "", NULL);
        internal_fail(r, &p);
        return;
    }
    for (size_t i = 0; i < question.count; i++) {
        members[i] = topics_local_members(&r->node->topics, question.groups[i]);
    }
    buf_init(&body, ANSWER_BYTES_MAX);
    headcount_answer_encode(members, question.count, &body);
    internal_answer(r, 200, NULL, (struct slice){buf_str(&body), body.len});
    buf_finish(&body);
}
