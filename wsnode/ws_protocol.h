/*
 * The public connections after their handshake: frames made into session_on_*(), and socket.h for
 * the sessions.
 */
#ifndef WSNODE_WS_PROTOCOL_H
#define WSNODE_WS_PROTOCOL_H

#include "wsnode/session.h"
#include "wsnode/wire.h"
#include "wsnode/ws_frame.h"

enum err ws_protocol_create(struct node *n) MUST_CHECK; /* n->ws */
void ws_protocol_close(struct node *n);   /* ends all connections and their sessions, at once */
void ws_protocol_destroy(struct node *n); /* after that */

/*
 * Takes the wire, answers 101 and opens the session. behind: what the client has sent behind its
 * handshake, if it has come.
 */
void ws_protocol_adopt(
    struct node *n, struct wire *wire, const struct session_handshake *h, struct ws_bytes behind);
int64_t ws_protocol_count(const struct node *n); /* connections, also those that are ending */
void ws_protocol_on_turn_end(struct node *n);    /* sends what was held for more to come */
void ws_protocol_on_tick(struct node *n, int64_t now_ms); /* ends connections that don't close */

#endif
