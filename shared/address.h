/*
 * serverClient, page and userId: the three parts of the place at which a client connects, and the
 * key that joins them. Each is 1 to 128 bytes of UTF-8 without control characters (C0, DEL, C1),
 * space or / : { } *
 *
 * All checks return ERR_OK or ERR_BAD_ADDRESS, with p->field = field and a sentence that says which
 * rule is broken.
 */
#ifndef SHARED_ADDRESS_H
#define SHARED_ADDRESS_H

#include <stdbool.h>

#include "shared/buf.h"
#include "shared/limits.h"

struct address {
    char server_client[ADDRESS_PART_BYTES_MAX + 1];
    char page[ADDRESS_PART_BYTES_MAX + 1];
    char user_id[ADDRESS_PART_BYTES_MAX + 1];
};

enum err address_check_part(struct slice part, const char *field, struct problem *p) MUST_CHECK;
/* The caller's messageId: the same rules, but : and / are allowed, so that "order/17:paid" is one.
 */
enum err address_check_message_id(
    struct slice text, const char *field, struct problem *p) MUST_CHECK;
/* A topic's name: the same rules, but / is allowed, so that "news/sport" is one. */
enum err address_check_topic(struct slice text, const char *field, struct problem *p) MUST_CHECK;
/* As address_check_part, and copies to out (ADDRESS_PART_BYTES_MAX + 1 bytes). */
enum err address_copy_part(
    struct slice part, const char *field, char *out, struct problem *p) MUST_CHECK;

/* "pc:home:u1" -> its three parts. */
enum err address_parse_key(
    struct slice key, const char *field, struct address *out, struct problem *p) MUST_CHECK;
/* Is it one that `wanted` means? A part of wanted that is "" means any. */
bool address_matches(const struct address *a, const struct address *wanted);
const char *address_format_key(
    const struct address *a, char out[ADDRESS_KEY_BYTES]); /* returns out */

/*
 * The path of a connect (without the query), percent-decoded per segment after splitting:
 * /screenWebsocket/{serverClient}/{page}/{userId} or /websocket/{userId} (serverClient and page
 * "default"). ERR_UNKNOWN_PATH, ERR_BAD_PATH (bad escape), ERR_BAD_ADDRESS (field serverClient,
 * page or userId), ERR_URI_TOO_LONG (a part with more than 128 bytes).
 */
enum err address_parse_path(struct slice path, struct address *out, struct problem *p) MUST_CHECK;

#endif
