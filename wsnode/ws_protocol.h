/*
 * The public connections: libwebsockets' events made into session_on_*(), and socket.h for the
 * sessions. Only connections whose handshake ws_arrival.c has read and found good come here.
 */
#ifndef WSNODE_WS_PROTOCOL_H
#define WSNODE_WS_PROTOCOL_H

#include "wsnode/session.h"

struct lws_context;

enum err ws_protocol_create(struct node *n, struct lws_context *context) MUST_CHECK; /* n->ws */
void ws_protocol_destroy(struct node *n); /* the connections are gone */

/*
 * Takes the connection, answers 101 and opens the session, all at once; fd is closed in any case.
 * The head of the request has been read from the socket, and nothing behind it.
 */
void ws_protocol_adopt(struct node *n, int fd, const struct session_handshake *h);
int64_t ws_protocol_count(const struct node *n); /* connections, also those that are ending */
void ws_protocol_on_tick(struct node *n, int64_t now_ms); /* ends connections that don't close */

#endif
