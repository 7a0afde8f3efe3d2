/*
 * Tokens: who a client is, said by a JWT (RFC 7519) in its compact form that some backend signed.
 * No I/O; all keys are read by token_verifier_init().
 *
 * The algorithm is the configured one, whatever a token says. A token that names no key (kid) is
 * taken only if there is a single one. All claims are read strictly, and only after the signature
 * was found good:
 *
 *   sub           the userId; required
 *   exp           required; refused from exp + token.leeway on, and if it lies further ahead than
 *                 token.lifetime_max, because nodes remember a revocation only for so long
 *   nbf, iat      not in the future, token.leeway aside
 *   iss           token.issuer, if that is set
 *   aud           has token.audience, if that is set; must be absent if not (RFC 7519 4.1.3)
 *   jti           an id, by which the token can be revoked
 *   serverClient, page    limit where the user may connect
 *   topics        patterns of the topics that the session may subscribe to
 *
 * Other claims are somebody else's and are left alone.
 */
#ifndef SHARED_TOKEN_H
#define SHARED_TOKEN_H

#include "shared/address.h"
#include "shared/config.h"
#include "shared/err.h"
#include "shared/token_keys.h"

/* One claim each: as a person's id is. */
#define TOKEN_ID_BYTES (ADDRESS_PART_BYTES_MAX + 1)
/* All patterns, each ended by a line feed, and the NUL. */
#define TOKEN_TOPICS_BYTES 1024
/* Half of the largest handshake. */
#define TOKEN_BYTES_MAX 4096

struct token_verifier {
    const struct config *config; /* borrowed */
    struct token_keys keys;      /* owned */
};

/* What a good token says. Times are of the wall clock. */
struct token {
    char user_id[ADDRESS_PART_BYTES_MAX + 1];
    char server_client[ADDRESS_PART_BYTES_MAX + 1]; /* "": any */
    char page[ADDRESS_PART_BYTES_MAX + 1];          /* "": any */
    char id[TOKEN_ID_BYTES];                        /* "": none */
    int64_t issued_ms;                              /* 0: it does not say */
    int64_t expires_ms;                             /* 0: it does not; never of a JWT */
    bool has_topics; /* false: it says nothing about topics, which is not the same as none */
    char topics[TOKEN_TOPICS_BYTES];
};

/* config is borrowed for the verifier's life. Errors as token_keys_load(). token_verifier_finish()
 * is needed after ERR_OK only. */
enum err token_verifier_init(
    struct token_verifier *v, const struct config *config, struct problem *p) MUST_CHECK;
void token_verifier_finish(struct token_verifier *v);

/*
 * text: any bytes. now_ms: wall clock. ERR_TOKEN_EXPIRED, ERR_TOKEN_INVALID (anything else that is
 * wrong with it), ERR_NO_MEMORY; p->field is the claim or header to blame ("alg", "exp", …; "" for
 * the token as a whole), and p->msg never has anything of the token.
 */
enum err token_verify(const struct token_verifier *v, struct slice text, int64_t now_ms,
    struct token *out, struct problem *p) MUST_CHECK;

/* Is it this user's, and for this place? ERR_TOKEN_ELSEWHERE, with the part as p->field. */
enum err token_check_address(
    const struct token *t, const struct address *address, struct problem *p) MUST_CHECK;

#endif
