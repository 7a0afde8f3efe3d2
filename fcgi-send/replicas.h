/*
 * redis.wait_replicas: a stored message counts only once so many replicas have it.
 */
#ifndef FCGI_SEND_REPLICAS_H
#define FCGI_SEND_REPLICAS_H

#include "fcgi-send/batch.h"
#include "fcgi-send/service.h"

/* Waits for all stored messages at once, with one WAIT per master. Those that are not confirmed get
 * a problem: ERR_TOO_FEW_REPLICAS, also if Redis went or refused meanwhile; ERR_INTERNAL and
 * ERR_NO_MEMORY as ever. Returns ERR_NO_MEMORY: nothing was asked. */
enum err replicas_await(struct worker *w, struct batch *b) MUST_CHECK;

#endif
