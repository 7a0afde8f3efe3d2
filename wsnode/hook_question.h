/*
 * What the backend is asked about a handshake, with node.auth = hook: who wants to connect and from
 * where as JSON, and those headers of the handshake that hook.headers names. No I/O.
 */
#ifndef WSNODE_HOOK_QUESTION_H
#define WSNODE_HOOK_QUESTION_H

#include "wsnode/session.h"

#define HOOK_HEADERS_MAX 32
#define HOOK_DIGEST_BYTES 32

struct hook_question {
    struct buf body;                       /* owned */
    struct buf lines;                      /* owned: header lines, each ended by a NUL */
    const char *headers[HOOK_HEADERS_MAX]; /* into lines */
    size_t header_count;
    unsigned char
        digest[HOOK_DIGEST_BYTES]; /* SHA-256 of all of it: the same one, the same answer */
};

/*
 * head: of the handshake h, whole. ERR_BAD_QUERY (the token's escapes), ERR_BAD_UPGRADE (too many
 * headers to pass on), ERR_NO_MEMORY. hook_question_finish() is needed after ERR_OK only.
 */
enum err hook_question_make(struct hook_question *out, const struct config *config,
    const struct session_handshake *h, struct slice head, struct problem *p) MUST_CHECK;
void hook_question_finish(struct hook_question *q);

#endif
