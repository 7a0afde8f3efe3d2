/*
 * The loop of wsctl consume: takes messages from a source, posts them, and tells the source what
 * became of them. It holds on to what could not be sent, and takes nothing new meanwhile: so one
 * consumer keeps the queue's order, and never holds more than consume.batch messages.
 */
#ifndef WSCTL_CONSUMER_H
#define WSCTL_CONSUMER_H

#include <signal.h>

#include "shared/backoff.h"
#include "wsctl/poster.h"
#include "wsctl/source.h"

struct consumer {
    const struct config *config; /* borrowed, as the next three */
    struct source *source;
    struct poster *poster;
    const volatile sig_atomic_t *stop;
    struct queue_message *held; /* owned: consume.batch of them */
    size_t held_count;
    size_t span;            /* most messages of the next request */
    struct backoff backoff; /* after a failed round */
    int64_t retry_after_ms; /* what the last answer asked for; 0: nothing */
    uint64_t sent_count;
    uint64_t dead_count;
};

/* ERR_NO_MEMORY */
enum err consumer_init(struct consumer *c, const struct config *config, struct source *source,
    struct poster *poster, const volatile sig_atomic_t *stop) MUST_CHECK;
void consumer_finish(struct consumer *c);

/* Until *stop: what was taken is sent first, unless the sender cannot take it now. */
void consumer_run(struct consumer *c);
/* One round of it: receives if nothing is held, sends, settles, and pauses where it must. */
void consumer_turn(struct consumer *c);

#endif
