/*
 * Random ids (getrandom(2), base64url without padding, RFC 4648 5) and message ids.
 */
#ifndef SHARED_ID_H
#define SHARED_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/buf.h"
#include "shared/limits.h"

/* Writes out_bytes - 1 characters and a NUL; aborts if the kernel has no randomness. */
void id_random(char *out, size_t out_bytes);
/* Up to 256 bytes; aborts likewise. */
void id_random_bytes(void *out, size_t len);
/* 22 characters of base64url? */
bool id_is_session(struct slice text);

/* The place of an inbox entry: a Redis stream id. {0,0} is before every entry. */
struct message_id {
    uint64_t ms;
    uint64_t n;
};
#define MESSAGE_ID_MAX ((struct message_id){UINT64_MAX, UINT64_MAX}) /* no entry has it */

/* "<ms>-<n>", no leading zeros; else ERR_BAD_VALUE. */
enum err message_id_parse(struct slice text, struct message_id *out) MUST_CHECK;
const char *message_id_format(struct message_id id, char out[MESSAGE_ID_BYTES]); /* returns out */
int message_id_compare(struct message_id a, struct message_id b);                /* <0, 0, >0 */
bool message_id_is_zero(struct message_id id);

#endif
