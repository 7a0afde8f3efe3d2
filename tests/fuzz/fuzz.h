/*
 * What every fuzz target has: fuzz() is called with foreign bytes, again and again. It asserts what
 * must hold for any bytes; the sanitizers look after the rest. README.md says how to add one.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#undef NDEBUG
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "shared/buf.h"

struct redisReply;

/* input is as long as it says to the byte: reading behind it is seen. It is never NULL. */
void fuzz(struct slice input);

/* A copy with a NUL at its end; bytes behind a NUL of input's own are there, too. free(). */
char *fuzz_string(struct slice input);
bool fuzz_equal(struct slice a, struct slice b);
/* Does part lie within whole? What a parser borrows must. */
bool fuzz_is_within(struct slice part, struct slice whole);
struct slice fuzz_bytes(const struct buf *b); /* borrowed; the buf must have no error */
/* Does it stand in JSON as it is? A boot is compared, never shown or sent on, so decoders take any;
 * only real ones are encoded. */
bool fuzz_is_plain(const char *text);
/* Is it JSON by json_check(), and therefore UTF-8? */
bool fuzz_is_json(struct slice text);
/* Bytes of Redis' protocol as hiredis reads them; NULL: they are no whole reply, or announce an
 * array of thousands, for which hiredis would take the memory at once. freeReplyObject(). */
struct redisReply *fuzz_reply(struct slice input);

#endif
