/*
 * The answer to a handshake that is refused.
 */
#ifndef WSNODE_WS_REFUSAL_H
#define WSNODE_WS_REFUSAL_H

#include "shared/err.h"

struct wire;

/* Answers, counts it, and ends the writing; the wire stays, so that the peer can read why. */
void refusal_send(struct wire *wire, const struct problem *p);

#endif
