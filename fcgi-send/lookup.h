/*
 * One visit to Redis for all messages of a send: stores the durable ones, and finds the sessions,
 * or of a group the nodes, that each is for.
 */
#ifndef FCGI_SEND_LOOKUP_H
#define FCGI_SEND_LOOKUP_H

#include "fcgi-send/batch.h"
#include "fcgi-send/service.h"

/*
 * Messages that have a problem already are left alone. Others get one, or what was stored and the
 * deliveries that are meant; ghosts are DELIVERY_GONE. Problems: ERR_IDEMPOTENCY_CONFLICT: nothing
 * was done. ERR_REDIS_DOWN, ERR_REDIS_REFUSED: not stored, as far as is known.
 * ERR_TOO_FEW_REPLICAS: it is stored. ERR_INTERNAL, ERR_NO_MEMORY. Where Redis fails half-way, a
 * stored message may be without deliveries. ERR_NO_MEMORY: the send must not go on; what was stored
 * stays.
 */
enum err lookup_send(struct worker *w, struct batch *b) MUST_CHECK;

#endif
