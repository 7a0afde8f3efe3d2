/*
 * Connections between accept(2) and the end of their handshake, and those that were refused and
 * have yet to read why. In between, the backend may be asked (admission_hook.h). An arrival keeps
 * what has come of its head while that is incomplete; what a client sends behind it goes to
 * ws_protocol.c with the wire.
 */
#ifndef WSNODE_WS_ARRIVAL_H
#define WSNODE_WS_ARRIVAL_H

#include "wsnode/admission_hook.h"
#include "wsnode/gate.h"
#include "wsnode/node.h"
#include "wsnode/ws_handshake.h"

struct arrival;

struct arrivals {
    struct node *node;
    int64_t max_sessions;
    int64_t max_waiting; /* and lingering */
    struct gate gate;
    struct ring waiting;   /* handshake_timeout */
    struct ring lingering; /* answered; the peer may still send, or read */
    struct arrival *asked; /* uthash: the backend has yet to answer; they have a session's place */
    int64_t asked_count;
    uint64_t last_number;
    char *head; /* owned; what has come of the one that is being looked at: node.head_max bytes */
    size_t head_max;
};

/* ERR_NO_MEMORY: arrivals_finish() is due all the same. */
enum err arrivals_init(
    struct arrivals *as, struct node *n, int64_t max_sessions, int64_t max_waiting) MUST_CHECK;
/*
 * Takes a non-blocking connection. If it has to wait and there is no room, another one goes: one
 * that has had its answer, else the one that has waited longest. Whoever sends its handshake at
 * once is never in the way of anybody, so those who send nothing or slowly have only each other to
 * fear; and to find the one that waits longest takes no search. With TLS, everybody waits for a
 * round trip or two.
 */
void arrivals_take(struct arrivals *as, int fd);
int64_t arrivals_count(const struct arrivals *as);
/* The backend has answered. The arrival may have ended meanwhile. */
void arrivals_after_hook(struct arrivals *as, uint64_t number, const struct hook_answer *answer);
void arrivals_on_tick(struct arrivals *as, int64_t now_ms);
void arrivals_end_all(struct arrivals *as);
void arrivals_finish(struct arrivals *as); /* they have ended, and the loop has run out */

#endif
