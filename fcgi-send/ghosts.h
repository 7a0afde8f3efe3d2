/*
 * Ghosts: entries of the registry whose session is gone, because its node died before it could say
 * so. Whoever meets one removes it.
 */
#ifndef FCGI_SEND_GHOSTS_H
#define FCGI_SEND_GHOSTS_H

#include "fcgi-send/batch.h"
#include "fcgi-send/service.h"

/*
 * Gives DELIVERY_GONE to entries whose node's lease is gone or carries another boot. The entries
 * must have been read before the call: a node takes its lease before it registers anything. Where
 * Redis does not answer, nothing becomes a ghost; forwards will tell.
 */
void ghosts_mark(struct worker *w, struct delivery *deliveries, size_t count);
/* Likewise of those that are DELIVERY_UNREACHABLE: by what Redis says now, where ghosts_mark()
 * takes what it said up to a second ago. */
void ghosts_mark_silent(struct worker *w, struct delivery *deliveries, size_t count);
/* Removes the entries of all that are DELIVERY_GONE, whoever found it out. */
void ghosts_remove(struct worker *w, const struct delivery *deliveries, size_t count);
/* Likewise the nodes of a group (topics.h) about which there is no message. */
void ghosts_remove_nodes(
    struct worker *w, const char *group, const struct delivery *nodes, size_t count);

#endif
