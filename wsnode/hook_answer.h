/*
 * What the backend's answer to a hook question means. 2xx admits; its body may be empty, or a JSON
 * object that has, besides what is of no interest here,
 *
 *   topics       patterns of the topics that the session may subscribe to, as in a token
 *   expiresIn    seconds, after which the session ends with 4101
 *
 * 429 and 5xx refuse for now (503), and so does an answer that cannot be understood, or none at
 * all; anything else refuses (403). No I/O.
 */
#ifndef WSNODE_HOOK_ANSWER_H
#define WSNODE_HOOK_ANSWER_H

#include "shared/token.h"
#include "wsnode/http_client.h"

struct hook_answer {
    enum err err; /* ERR_OK, ERR_HOOK_REFUSED, ERR_HOOK_AWAY */
    /* If admitted; the user is missing. As if it had been issued when the backend was asked, so
     * that a later POST /revoke is about it. */
    struct token token;
};

/* asked_ms: wall clock. What cannot be understood is logged. */
void hook_answer_read(const struct http_reply *reply, int64_t asked_ms, struct hook_answer *out);

#endif
