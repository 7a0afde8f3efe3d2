/*
 * How many sessions each client's address has on this node (node.max_sessions_per_address). An
 * address is there from its first session to the end of its last one. No I/O.
 */
#ifndef WSNODE_CLIENT_COUNTS_H
#define WSNODE_CLIENT_COUNTS_H

#include "shared/client_address.h"

struct client_count;
struct client_counts {
    int64_t most;                /* 0: no limit, and nothing is counted */
    struct client_count *counts; /* uthash */
};

void client_counts_init(struct client_counts *t, int64_t most);
void client_counts_finish(struct client_counts *t); /* all sessions are gone */
/* Has this one as many as it may? */
bool client_counts_full(const struct client_counts *t, client_number c);
void client_counts_add(struct client_counts *t, client_number c); /* no memory: not counted */
void client_counts_remove(struct client_counts *t, client_number c);

#endif
