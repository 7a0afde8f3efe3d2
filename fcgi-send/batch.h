/*
 * The messages of one POST /socketSend on their way through its steps: validate makes them, lookup
 * stores them and finds their sessions, dispatch forwards them, report tells what became of each. A
 * single message is a batch of one.
 */
#ifndef FCGI_SEND_BATCH_H
#define FCGI_SEND_BATCH_H

#include "fcgi-send/delivery.h"
#include "shared/message.h"
#include "shared/message_send.h"

struct sending {
    struct problem problem; /* not ERR_OK: the message's way ends there, others go on */
    struct message message; /* owned; zero if it could not even be read */
    /* Owned; its entries stand with the last message to the user, or to the group. */
    struct message_sent sent;
    struct delivery *deliveries; /* borrowed from the batch: the sessions that are meant, or the
                                    nodes that have members */
    size_t delivery_count;
};

struct batch {
    struct sending *sendings; /* owned; in the caller's order */
    size_t count;
    bool is_list;           /* the caller wrote {"messages":[…]} and is answered with a list */
    enum message_wait wait; /* of all together, as is the time-out */
    int64_t timeout_ms;
    struct delivery *deliveries; /* owned; of a user's messages, or a group's, in their order */
    size_t delivery_count;
    struct envelope_counts *counts; /* owned; those of deliveries that are nodes */
};

/* ERR_NO_MEMORY. batch_finish() is needed after ERR_OK only. */
enum err batch_init(struct batch *b, size_t count) MUST_CHECK;
void batch_finish(struct batch *b);

/* Ends a message's way. field: one of the message's, or "". */
void batch_fail(const struct batch *b, struct sending *s, enum err err, const char *field);

#endif
