/*
 * Connections between accept(2) and the end of their handshake's bytes, and those that were refused
 * and have yet to read why. Nothing is consumed before the whole head is there: it is peeked at, so
 * an arrival needs no buffer. Then exactly the head is, so that what a client sent behind it stays
 * in the socket.
 */
#ifndef WSNODE_WS_ARRIVAL_H
#define WSNODE_WS_ARRIVAL_H

#include "wsnode/gate.h"
#include "wsnode/node.h"
#include "wsnode/ws_handshake.h"

struct arrivals {
    struct node *node;
    int64_t max_sessions;
    struct gate gate;
    struct ring waiting;   /* handshake_timeout */
    struct ring lingering; /* answered; the peer may still send, or read */
    int64_t count;
    char *head; /* owned; what was last peeked at: node.head_max bytes */
    size_t head_max;
};

/* ERR_NO_MEMORY: arrivals_finish() is due all the same. */
enum err arrivals_init(struct arrivals *as, struct node *n, int64_t max_sessions) MUST_CHECK;
void arrivals_take(struct arrivals *as, int fd); /* a non-blocking connection; owned from here on */
void arrivals_on_tick(struct arrivals *as, int64_t now_ms);
void arrivals_end_all(struct arrivals *as);
void arrivals_finish(struct arrivals *as); /* they have ended, and the loop has run out */

#endif
