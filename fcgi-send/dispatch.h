/*
 * From sessions to statuses: one forward per node, and what follows from the answers.
 */
#ifndef FCGI_SEND_DISPATCH_H
#define FCGI_SEND_DISPATCH_H

#include "fcgi-send/group.h"
#include "fcgi-send/service.h"

/*
 * Fills in the deliveries' statuses. A node gets all its messages in one forward; what is more than
 * it takes in one follows in further ones, one after another. Nodes that fail are avoided for
 * send.node_retry and, for stored messages, told by hints to look into the inboxes and
 * logs. ERR_NO_MEMORY: nothing was forwarded.
 */
enum err dispatch(struct worker *w, struct batch *b) MUST_CHECK;

/* What follows for a node, and for the sessions of a forward, from its outcome. true: it was
 * answered, and the answer says more. */
bool dispatch_settle(struct worker *w, struct group *g, const struct forward *forward);

#endif
