/*
 * How many members groups (group_name.h) have on a node: what fcgi-send and a node say to each
 * other on POST /presence. Encode and decode, no I/O.
 *
 * Request: {"boot":"…","groups":["pc:home","news/sport"]}. Answer, in the same order:
 * {"code":0,"msg":"ok","data":{"members":[2,0]}}
 */
#ifndef SHARED_HEADCOUNT_H
#define SHARED_HEADCOUNT_H

#include "shared/group_name.h"
#include "shared/json.h"

/* Groups of one call of GET or POST /presence, so of one request to a node too. */
#define HEADCOUNT_GROUPS_MAX 100

void headcount_encode(const char *boot, const char *const *groups, size_t count,
    struct buf *out); /* errors stick to out */

struct headcount_question {
    char boot[BOOT_ID_BYTES];
    char groups[HEADCOUNT_GROUPS_MAX][GROUP_NAME_BYTES];
    size_t count;
};
/* ERR_MISSING_FIELD, ERR_OUT_OF_RANGE (none or too many), or what json.h and group_name.h say. */
enum err headcount_decode(
    struct slice body, struct headcount_question *out, struct problem *p) MUST_CHECK;

void headcount_answer_encode(const int64_t *members, size_t count, struct buf *out);
/* *out, as many as were asked for, is the caller's: free(). ERR_BAD_ENVELOPE (another number of
 * them, or something else), ERR_NO_MEMORY, or what json.h says. */
enum err headcount_answer_decode(struct slice body, size_t asked, int64_t **out) MUST_CHECK;

#endif
