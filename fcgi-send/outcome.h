/*
 * What the outcome of one forward says of its node.
 */
#ifndef FCGI_SEND_OUTCOME_H
#define FCGI_SEND_OUTCOME_H

#include "fcgi-send/service.h"

/*
 * Counts the forward; a node that failed is avoided from now on, one that answered is not any more.
 * What that means for the sessions that the node has told nothing of: DELIVERY_GONE or
 * DELIVERY_UNREACHABLE.
 */
enum delivery_status outcome_note(struct worker *w, const char *boot, enum forward_outcome outcome);

#endif
