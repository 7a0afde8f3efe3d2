/*
 * How much may happen per second: buckets of tokens that hold a second's worth, so that a burst of
 * that size passes at once. One bucket, or a table with one per key. No I/O.
 */
#ifndef WSNODE_RATE_TABLE_H
#define WSNODE_RATE_TABLE_H

#include <stdbool.h>

#include "shared/buf.h"
#include "wsnode/ring.h"

struct rate_bucket {
    int64_t credit; /* thousandths of a token */
    int64_t at_ms;  /* when that was so */
};

void rate_bucket_init(struct rate_bucket *b, int64_t per_second, int64_t now_ms); /* full */
/* Has it a whole token? rate_bucket_take() then takes it. */
bool rate_bucket_refill(struct rate_bucket *b, int64_t per_second, int64_t now_ms);
void rate_bucket_take(struct rate_bucket *b);

/* More in one second: those used longest ago are forgotten, and so have a full bucket again. What
 * then still holds is the limit of all together. About 2 MB. */
#define RATE_TABLE_KEYS_MAX 16384

struct rate_entry;
struct rate_table {
    int64_t per_second;         /* 0: no limit, and nothing is kept */
    struct rate_entry *entries; /* uthash */
    struct ring idle; /* the same ones; due when their buckets are full, and so worth nothing */
};

void rate_table_init(struct rate_table *t, int64_t per_second);
void rate_table_finish(struct rate_table *t);
/* The bucket of a key, borrowed until the next call. NULL: it is not limited (no limit, or no
 * memory). */
struct rate_entry *rate_table_need(struct rate_table *t, struct slice key, int64_t now_ms);
bool rate_entry_refill(struct rate_table *t, struct rate_entry *e, int64_t now_ms);
void rate_entry_take(struct rate_table *t, struct rate_entry *e, int64_t now_ms);

#endif
