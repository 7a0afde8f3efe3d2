/*
 * The book: which messages were accepted, who received them, how often and in which order. Every
 * client of a user must receive every accepted message of that user exactly once, in the order in
 * which they were accepted (one sender per user, one message at a time). Safe from several threads.
 * Times are CLOCK_MONOTONIC microseconds.
 */
#ifndef BENCH_BOOK_H
#define BENCH_BOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PHASE_NAME_BYTES 48
#define PHASES_MAX 64

struct book;

struct book *book_create(int users, int clients_per_user, int messages_per_user_max);
void book_destroy(struct book *b);

int64_t book_now_us(void);
/* What is sent from now on belongs to this phase; the same name again continues it. */
void book_start_phase(struct book *b, const char *name);

#define BOOK_FULL (-1)
#define BOOK_NO_PHASE (-2)
/* The sender of a user starts its next message. Returns its number (from 0), BOOK_FULL, or
 * BOOK_NO_PHASE: none has started yet. */
int book_send(struct book *b, int user);
/* It was answered with HTTP 200. attempts: how many requests that took. */
void book_accept(struct book *b, int user, int number, int attempts);
/* A client's application got a message. */
void book_receive(struct book *b, int client, int user, int number);
/* Bytes came in whose id the client had already seen: dropped by the client, but counted. */
void book_raw_duplicate(struct book *b);
/* A replayed message came so long after its connection was asked for. */
void book_replay(struct book *b, int64_t after_us);

/* Which phase it is, from 0, and what a phase is called. */
int book_phase(struct book *b);
const char *book_phase_name(struct book *b, int phase);
/* How many messages were started for the user who got the fewest. */
int book_sent_least(struct book *b);

/* Messages that are accepted and not yet received by all clients. */
int64_t book_missing(struct book *b);
/* Prints the table. Returns true if nothing was lost, doubled or out of order. */
bool book_report(struct book *b, FILE *out);

#endif
