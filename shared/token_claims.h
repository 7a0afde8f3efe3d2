/*
 * What token.c and token_claims.c share; and for whoever reads topics elsewhere.
 */
#ifndef SHARED_TOKEN_CLAIMS_H
#define SHARED_TOKEN_CLAIMS_H

#include "shared/token.h"

struct json_object;

/* ERR_TOKEN_INVALID; why goes behind the name of the claim or header, which may be "". */
enum err token_refuse(struct problem *p, const char *field, const char *why);
/* Errors of JSON and addresses are the token's; only what is wrong with us stays what it is. */
enum err token_refuse_as(enum err err, struct problem *p, const char *field, const char *why);
/* A member that is a string; an absent one leaves *out as it is. Borrowed from the object. */
enum err token_read_text(
    struct json_object *object, const char *name, struct slice *out, struct problem *p) MUST_CHECK;

/* A member "topics": has_topics, topics. */
enum err token_read_topics(
    struct json_object *object, struct token *t, struct problem *p) MUST_CHECK;

/* t is all zero before, and half filled in after an error. */
enum err token_read_claims(const struct config *c, struct json_object *object, int64_t now_ms,
    struct token *t, struct problem *p) MUST_CHECK;

#endif
