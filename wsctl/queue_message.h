/*
 * One message as it comes from a queue, and what becomes of it. No I/O.
 */
#ifndef WSCTL_QUEUE_MESSAGE_H
#define WSCTL_QUEUE_MESSAGE_H

#include "shared/buf.h"
#include "shared/id.h"

/* The largest send.message_max, and what goes around it. */
#define QUEUE_BODY_BYTES_MAX (17 * 1024 * 1024)

enum verdict {
    VERDICT_AGAIN,  /* not sent, or nobody knows: send it (again) */
    VERDICT_FAILED, /* the same, and it may be the message's own fault */
    VERDICT_SENT,   /* the sender has it: out of the queue with it */
    VERDICT_DEAD    /* it can never be sent: to the dead letters with it */
};

struct fate {
    enum verdict verdict;
    int code; /* as in errors.def; 0: none, or none is known */
    char why[192];
};

struct queue_message {
    struct buf body;                          /* owned: as it stands in the queue */
    char id[CLIENT_MESSAGE_ID_BYTES_MAX + 1]; /* the messageId it is sent with; "": none */
    char entry[MESSAGE_ID_BYTES];             /* its place in a stream */
    uint64_t tag;                             /* its place on an AMQP channel */
    int64_t attempts;                         /* how often it was VERDICT_FAILED */
    struct fate fate;
};

void queue_message_init(struct queue_message *m);
void queue_message_finish(struct queue_message *m);
/* From now on `to` is what `from` was, and owns it. `to` must have been finished. */
void queue_message_move(struct queue_message *to, struct queue_message *from);

void fate_set(struct fate *fate, enum verdict verdict, int code, const char *format, ...)
    PRINTF_LIKE(4, 5);
bool fate_is_final(const struct fate *fate); /* sent or dead */

/*
 * The messageId of what a queue calls id: the same each time, so that a redelivery is a duplicate.
 * space comes first ("orders/"), where ids are unique within something only; else "". What cannot
 * be a messageId (too long, or with characters that it may not have) is replaced by its SHA-256.
 */
void queue_message_set_id(struct queue_message *m, const char *space, struct slice id);

/*
 * Adds `before`, and the JSON object that is sent: the body, with the messageId unless it has one
 * of its own, and without wait and timeoutMs, because nobody would be there to read the answer.
 * Errors of json_check(), and ERR_WRONG_TYPE if the body is no object: nothing was added. Out's own
 * errors stick as usual.
 */
enum err queue_message_encode(const struct queue_message *m, const char *before, struct buf *out,
    struct problem *p) MUST_CHECK;

#endif
