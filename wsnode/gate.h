/*
 * May this handshake become a session? What is asked of it besides its form (ws_handshake.h): the
 * length of its URL, its origin, and the limits that count by the client's address and by user. No
 * I/O.
 */
#ifndef WSNODE_GATE_H
#define WSNODE_GATE_H

#include "wsnode/connect_rate.h"
#include "wsnode/session.h"

struct gate {
    const struct node *node;
    struct trusted_proxies proxies;
    struct connect_rate rate;
};

enum err gate_init(struct gate *g, const struct node *n, int64_t now_ms) MUST_CHECK;
void gate_finish(struct gate *g);

/*
 * Finds out h->client, and checks what costs nothing. peer: the other end of the connection, NULL
 * if it is not known; then no limit that counts by address applies. On failure p says which status
 * to answer: 403 (origin), 414, 429 (the address has node.max_sessions_per_address sessions).
 */
enum err gate_check(struct gate *g, const struct sockaddr *peer, struct session_handshake *h,
    struct problem *p) MUST_CHECK;
/*
 * Counts the handshake: 429 or 503. This comes after what is refused for other reasons, which does
 * not count. The second one comes last, when it is known that the client is the user.
 */
enum err gate_count(struct gate *g, const struct session_handshake *h, int64_t now_ms,
    struct problem *p) MUST_CHECK;
enum err gate_count_user(struct gate *g, const struct session_handshake *h, int64_t now_ms,
    struct problem *p) MUST_CHECK;
/* The same of one that had to wait for the backend; others of its address may have got in since. */
enum err gate_count_admitted(struct gate *g, const struct session_handshake *h, int64_t now_ms,
    struct problem *p) MUST_CHECK;

#endif
