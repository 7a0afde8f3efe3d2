/*
 * The body of POST /socketSend and the header Idempotency-Key -> the messages to be sent. No I/O.
 */
#ifndef FCGI_SEND_VALIDATE_H
#define FCGI_SEND_VALIDATE_H

#include "fcgi-send/batch.h"

/*
 * One message, or {"messages":[…],"wait","timeoutMs"} with up to batch_max of them: there a message
 * that cannot be sent has a problem of its own, and is no error. batch_finish() is needed after
 * ERR_OK only.
 *
 * idempotency_key: the header's value or NULL; another name for the one message's messageId, so
 * where both are given they must be equal, and messages has none (ERR_BAD_VALUE). ERR_OUT_OF_RANGE:
 * messages has not 1 to batch_max elements. Else as json_parse_object() and message_parse().
 */
enum err validate_send(struct slice body, const char *idempotency_key,
    const struct message_rules *rules, size_t batch_max, struct batch *out,
    struct problem *p) MUST_CHECK;

#endif
