/*
 * What sends were answered with: how long it took, the HTTP status, and what became of the message
 * at each session, per phase of the book. Safe from several threads.
 */
#ifndef BENCH_ANSWERS_H
#define BENCH_ANSWERS_H

#include <stdio.h>

#include "book.h"

struct answers;

struct answers *answers_create(struct book *book);
void answers_destroy(struct answers *a);
/* http: the status, 0 if there was no answer; body: the answer's text. The current phase's. */
void answers_add(struct answers *a, long http, const char *body, int64_t took_us);
/* Prints a table: one line per phase. */
void answers_report(struct answers *a, FILE *out);

#endif
