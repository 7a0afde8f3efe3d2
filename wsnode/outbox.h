/*
 * What waits to be written to one session: a queue of shared payloads, bounded in bytes. An idle
 * session's outbox owns no memory.
 */
#ifndef WSNODE_OUTBOX_H
#define WSNODE_OUTBOX_H

#include <stdbool.h>
#include <sys/queue.h>

#include "shared/id.h"
#include "wsnode/payload.h"

struct outbox_item {
    STAILQ_ENTRY(outbox_item) link;
    struct payload *payload; /* ref */
    struct message_id id;    /* {0,0}: not a durable message */
    uint64_t wait; /* number of the delivery that wants to know when it is written; 0: none */
};

struct outbox {
    STAILQ_HEAD(outbox_head, outbox_item) items;
    size_t bytes;
};

void outbox_init(struct outbox *o);
void outbox_finish(struct outbox *o); /* drops what is in it; o is empty and usable again */
bool outbox_is_empty(const struct outbox *o);
/* Would len more bytes stay within max_bytes? One item always fits an empty outbox. */
bool outbox_has_room(const struct outbox *o, size_t len, size_t max_bytes);
/* Takes a reference of payload. ERR_NO_MEMORY. */
enum err outbox_push(
    struct outbox *o, struct payload *payload, struct message_id id, uint64_t wait) MUST_CHECK;
struct outbox_item *outbox_first(const struct outbox *o); /* borrowed; NULL: empty */
/* Takes the first item out; the caller frees it with outbox_item_destroy(). NULL: empty. */
struct outbox_item *outbox_pop(struct outbox *o);
/* Moves all of from's items behind o's; from is empty then. */
void outbox_append(struct outbox *o, struct outbox *from);
void outbox_item_destroy(struct outbox_item *i);

#endif
