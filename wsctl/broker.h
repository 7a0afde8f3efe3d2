/*
 * A connection to RabbitMQ with its channels: the queue is consumed on one, and dead letters are
 * published on the other. Whatever fails ends the connection, is logged, and returns false; the
 * next broker_connect() makes a new one.
 */
#ifndef WSCTL_BROKER_H
#define WSCTL_BROKER_H

#include <amqp.h>
#include <amqp_framing.h>

#include "shared/backoff.h"
#include "shared/buf.h"
#include "shared/config.h"
#include "shared/err.h"

#define BROKER_CHANNEL 1
/* In transactions, which a channel is either for or not. */
#define BROKER_DEAD_CHANNEL 2

struct broker {
    const struct config *config; /* borrowed */
    char *url;                   /* owned; place points into it */
    struct amqp_connection_info place;
    amqp_connection_state_t connection; /* owned; NULL: there is none */
    struct backoff backoff;             /* after failed connects */
};

/* Does not connect yet. ERR_BAD_VALUE (url), ERR_NO_MEMORY. */
enum err broker_init(struct broker *b, const struct config *config, struct problem *p) MUST_CHECK;
void broker_finish(struct broker *b); /* the broker delivers again what is not acknowledged */

/* Logs in, opens the channels, and consumes with consume.batch as prefetch, unless all that is
 * done. false also during the pause after a failure. */
bool broker_connect(struct broker *b) MUST_CHECK;

bool broker_has_dead_letters(const struct broker *b); /* a queue of our own for them */
/* A message to a queue that is not there would be thrown away without a word. */
bool broker_check_dead_letters(struct broker *b) MUST_CHECK;

/* step: what was being done, for the log. */
bool broker_check_reply(struct broker *b, const char *step, amqp_rpc_reply_t reply) MUST_CHECK;
bool broker_check_status(struct broker *b, const char *step, int status) MUST_CHECK;
bool broker_lose(struct broker *b, const char *step, struct slice why); /* returns false */
/* Why the broker closed a channel or the connection, in its own words; else the method's name.
 * Borrowed. */
struct slice broker_words(const amqp_method_t *method);
struct slice broker_slice(amqp_bytes_t bytes);

#endif
