/*
 * Where messages come from: source_stream.c and source_amqp.c behind the same five functions. A
 * source connects by itself, and says in the log what is wrong with its queue.
 */
#ifndef WSCTL_SOURCE_H
#define WSCTL_SOURCE_H

#include "shared/config.h"
#include "shared/err.h"
#include "wsctl/queue_message.h"

struct source;

/* Does not connect yet. config is borrowed for the source's life. ERR_BAD_VALUE, ERR_NO_MEMORY. */
enum err source_create(
    const struct config *config, struct source **out, struct problem *p) MUST_CHECK;
/* Leaves what is not settled to others. NULL is fine. */
void source_destroy(struct source *s);

/*
 * Takes what is there, at most max messages, and waits up to wait_ms for a first one. All that was
 * received before must have been settled. The messages are the caller's; a fate that is final
 * already needs no send. out[i] must have been initialised. false: the queue is out of reach;
 * nothing was received, and the caller should pause before the next call.
 */
bool source_receive(struct source *s, struct queue_message *out, size_t max, int64_t wait_ms,
    size_t *count) MUST_CHECK;

/*
 * Tells the queue of those whose fate is final: that they are done with, after the dead ones are
 * with the dead letters. The others stay taken. false: the queue is out of reach; all that was
 * received will come again, to this consumer or another one.
 */
bool source_settle(struct source *s, const struct queue_message *messages, size_t count) MUST_CHECK;

/* A pause while messages are held, in touch with the queue. A signal may end it early. */
void source_wait(struct source *s, int64_t wait_ms);

/* For source.c: a kind is its functions; its state begins with a struct source. */
struct source_kind {
    enum err (*create)(const struct config *config, struct source **out, struct problem *p);
    void (*destroy)(struct source *s);
    bool (*receive)(
        struct source *s, struct queue_message *out, size_t max, int64_t wait_ms, size_t *count);
    bool (*settle)(struct source *s, const struct queue_message *messages, size_t count);
    void (*wait)(struct source *s, int64_t wait_ms);
};
struct source {
    const struct source_kind *kind;
};
extern const struct source_kind source_stream, source_amqp;

#endif
