/*
 * What the answer to a batch of messages means for each of them. No I/O.
 *
 * Temporary: no answer, 429, 5xx. Also what is wrong with the caller rather than with the message:
 * a bad key, a wrong URL, something else than our JSON. Nothing is thrown away for a mistake in a
 * configuration. Permanent: another 4xx of one message, and 400 or 413 of a request that has no
 * other message. 500 is temporary, but counts: it may be this message that the sender cannot bear.
 */
#ifndef WSCTL_SEND_ANSWER_H
#define WSCTL_SEND_ANSWER_H

#include "wsctl/queue_message.h"

struct send_answer {
    int status;             /* of HTTP; 0: there was no answer */
    int64_t retry_after_ms; /* 0: not told */
    struct slice body;      /* borrowed */
    const char *why;        /* borrowed: what went wrong where there was no answer; else "" */
};

enum send_result {
    SEND_ANSWERED, /* fates tell of each message */
    SEND_SPLIT,    /* one of several may be to blame: send fewer at a time; no fate was touched */
    SEND_AGAIN     /* nothing can be sent now; all fates are VERDICT_AGAIN and say why */
};

/* fates[i] is of the i-th message of `count` (at least 1). */
enum send_result send_answer_read(const struct send_answer *a, struct fate **fates, size_t count);

#endif
