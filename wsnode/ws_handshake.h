/*
 * The opening handshake (RFC 6455 4.2), read strictly from a request's bytes, and answered; no I/O.
 * It is ours and not libwebsockets', because that decodes and rewrites the path before anyone sees
 * it ("a%2Fb" and "a/b", "b+c" and "b c" become the same user), accepts what the RFC forbids, and
 * ends many bad requests, and some good ones, without an answer.
 */
#ifndef WSNODE_WS_HANDSHAKE_H
#define WSNODE_WS_HANDSHAKE_H

#include "wsnode/session.h"

#define HANDSHAKE_ANSWER_BYTES 256

/* How long the request's head is, the empty line included; 0: its end has not come yet. Bare line
 * feeds end one too, so that it can be refused at once. */
size_t handshake_head_bytes(struct slice bytes);

/*
 * head: the whole head. On failure p says which status to answer: 400 (malformed; bad path, query
 * or key; no known subprotocol), 404, 405, 414, 426 (no handshake, or not version 13). out's client
 * is not found out yet: gate.h.
 */
enum err handshake_parse(
    struct slice head, struct session_handshake *out, struct problem *p) MUST_CHECK;

/* Takes the next header off head, which handshake_parse() took: whole, or what is left of it.
 * false: there is none. */
bool handshake_next_header(struct slice *head, struct slice *name, struct slice *value);

/* The answer to a good one: 101 (4.2.2). Returns its length without the NUL. */
size_t handshake_answer(const struct session_handshake *h, char out[static HANDSHAKE_ANSWER_BYTES]);

/* The head did not end within node.head_max: 414 if the first line is to blame, else 400. */
enum err handshake_refuse_long(struct slice bytes, struct problem *p) MUST_CHECK;

#endif
