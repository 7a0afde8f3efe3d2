/*
 * The body of POST /socketSend and the header Idempotency-Key -> struct message. No I/O.
 */
#ifndef FCGI_SEND_VALIDATE_H
#define FCGI_SEND_VALIDATE_H

#include "shared/message.h"

/*
 * idempotency_key: the header's value or NULL; another name for messageId, so where both are given
 * they must be equal (ERR_BAD_VALUE). Else as json_parse_object() and message_parse(). The caller
 * finishes out (message_finish) after ERR_OK.
 */
enum err validate_send(struct slice body, const char *idempotency_key,
    const struct message_rules *rules, struct message *out, struct problem *p) MUST_CHECK;

#endif
