/*
 * From sessions to statuses: one forward per node, and what follows from the answers.
 */
#ifndef FCGI_SEND_DISPATCH_H
#define FCGI_SEND_DISPATCH_H

#include "fcgi-send/lookup.h"

/*
 * Fills in the deliveries' statuses. Nodes that fail are avoided for send.node_retry and, if the
 * message is stored, told by a hint to look into the inbox. ERR_NO_MEMORY: nothing was forwarded.
 */
enum err dispatch(struct worker *w, const struct message *m, struct lookup *found) MUST_CHECK;

#endif
