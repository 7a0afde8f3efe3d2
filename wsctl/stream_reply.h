/*
 * What Redis answers to XREADGROUP and XAUTOCLAIM, as messages. No I/O.
 */
#ifndef WSCTL_STREAM_REPLY_H
#define WSCTL_STREAM_REPLY_H

#include "shared/redis_reply.h"
#include "wsctl/queue_message.h"

/* The field of an entry that has the message; others are not looked at. */
#define STREAM_BODY_FIELD "message"

/*
 * Both add at most max messages to out, which must have been initialised, and their number to
 * *count. An entry that was deleted is VERDICT_SENT (done with), one without the field or with too
 * much in it VERDICT_DEAD. ERR_INTERNAL: not what Redis answers to such a command.
 */
enum err stream_reply_read(const struct redisReply *reply, const char *stream,
    struct queue_message *out, size_t max, size_t *count) MUST_CHECK;
/* *next: where the next claim goes on; 0-0: it has seen all. */
enum err stream_reply_claim(const struct redisReply *reply, const char *stream,
    struct queue_message *out, size_t max, size_t *count, struct message_id *next) MUST_CHECK;

#endif
