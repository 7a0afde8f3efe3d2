/*
 * One session that a message is meant for, or, of a message for a group, one node that has members,
 * and what is known of the message there. The steps of a send pass an array of them on: lookup
 * makes it, group sorts it by node, dispatch fills in what the nodes say, report tells it.
 */
#ifndef FCGI_SEND_DELIVERY_H
#define FCGI_SEND_DELIVERY_H

#include "shared/envelope.h"
#include "shared/registry.h"

struct sending;

struct delivery {
    const struct registry_entry *entry; /* borrowed from the look-up */
    /* DELIVERY_UNREACHABLE until its node has answered. DELIVERY_ACKED, of a node: it has. */
    enum delivery_status status;
    int64_t idle_ms;                /* since the peer last proved to be alive; -1: not known */
    const struct sending *sending;  /* borrowed; whose message. NULL: it is about no message */
    struct envelope_counts *counts; /* borrowed; of a node's members. NULL: it is a session */
};

#endif
