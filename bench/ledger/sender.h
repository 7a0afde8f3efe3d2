/*
 * Sender threads: each owns some users and sends them numbered messages through POST /socketSend,
 * one at a time, repeating each with the same messageId until it is accepted. With several URLs
 * they take turns; one that gave no answer or a 5xx is left alone for a while, as a load balancer
 * would.
 */
#ifndef BENCH_SENDER_H
#define BENCH_SENDER_H

#include "book.h"

#define PAD_BYTES_MAX 60000
#define SENDER_URLS_MAX 8

struct senders;

struct senders_options {
    struct book *book;
    const char *const *urls; /* http://127.0.0.1:8080/socketSend */
    int url_count;           /* at most SENDER_URLS_MAX */
    const char *key;
    const char *run; /* makes the messageIds of this run unique */
    int users, threads;
    int first_user; /* the users are user<first_user>, … */
    int topics;     /* each so manyth user's to topic ledger/user<n> instead; 0: none */
    int pad_bytes;  /* added to each message, at most PAD_BYTES_MAX */
    double rate;    /* messages per second, all threads together */
};

struct senders *senders_create(const struct senders_options *options);
void senders_start(struct senders *s);
void senders_pause(struct senders *s, bool paused);
/* No new messages; waits until what is under way is accepted or `seconds` have passed. Returns how
 * many gave up. */
int senders_stop(struct senders *s, int seconds);
void senders_report(struct senders *s, FILE *out);
void senders_destroy(struct senders *s); /* stopped */

#endif
