/*
 * One visit to Redis: stores a durable message, and finds the sessions that it is for.
 */
#ifndef FCGI_SEND_LOOKUP_H
#define FCGI_SEND_LOOKUP_H

#include "fcgi-send/delivery.h"
#include "fcgi-send/service.h"

struct lookup {
    struct inbox_sent sent;      /* owned */
    struct delivery *deliveries; /* owned: the sessions that are meant; ghosts are DELIVERY_GONE */
    size_t count;
};

/*
 * ERR_IDEMPOTENCY_CONFLICT: nothing was done. ERR_REDIS_DOWN, ERR_REDIS_REFUSED: nothing was
 * stored, as far as is known. ERR_TOO_FEW_REPLICAS: it is stored. ERR_INTERNAL, ERR_NO_MEMORY.
 * lookup_finish() is needed after ERR_OK only.
 */
enum err lookup_send(
    struct worker *w, const struct message *m, struct lookup *out, struct problem *p) MUST_CHECK;
void lookup_finish(struct lookup *l);

#endif
