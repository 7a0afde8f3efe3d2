/*
 * Hints to nodes over their control channels, all in one round trip. Nothing depends on their
 * arrival: each node finds what it is told of by itself, later. So nothing is made of a failure.
 */
#ifndef FCGI_SEND_HINTS_H
#define FCGI_SEND_HINTS_H

#include "fcgi-send/pipeline.h"
#include "shared/hint.h"
#include "shared/registry_entry.h"

struct worker;

struct hints {
    struct worker *worker; /* borrowed */
    struct pipeline pipeline;
    bool fails; /* no memory: none is sent */
};

void hints_init(struct hints *h, struct worker *w, size_t max);
/* At most max. subject: as hint_command(). */
void hints_add(struct hints *h, const char *node_id, enum hint hint, const char *subject);
void hints_send(struct hints *h); /* and finishes it */

/* One about the user to each node that has some of these sessions. */
void hints_tell_nodes_of(struct worker *w, const struct registry_entry *sessions, size_t count,
    enum hint hint, const char *user_id);

#endif
