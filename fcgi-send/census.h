/*
 * How many members groups have, over all nodes: one visit to Redis for all groups, which says what
 * nodes have members, and one request to each of these nodes for all groups that it is in.
 */
#ifndef FCGI_SEND_CENSUS_H
#define FCGI_SEND_CENSUS_H

#include "fcgi-send/delivery.h"
#include "fcgi-send/service.h"
#include "shared/headcount.h"

struct census {
    char groups[HEADCOUNT_GROUPS_MAX][GROUP_NAME_BYTES]; /* what is asked for */
    size_t count;
    /* What is found: of each group the nodes that have members, and all of these in one row. */
    struct registry_entry *entries[HEADCOUNT_GROUPS_MAX]; /* owned, each */
    size_t entry_counts[HEADCOUNT_GROUPS_MAX];
    struct delivery *nodes; /* owned; DELIVERY_ACKED (it has answered), …_UNREACHABLE or …_GONE */
    int64_t *members;       /* owned; of each node in the row, if it has answered */
    size_t node_count;
};

/* Counts the members of c->groups; the rest of c is zero before. What is found is the truth of when
 * each node answered. Errors: of Redis, ERR_NO_MEMORY. census_finish() is needed in any case. */
enum err census_take(struct worker *w, struct census *c) MUST_CHECK;
void census_finish(struct census *c);

#endif
