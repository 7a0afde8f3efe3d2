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
 * Takes the connection: fd is closed in any case. The request's bytes must still be in the socket;
 * h, which is copied, is what they say.
 */
void ws_protocol_adopt(struct node *n, int fd, const struct session_handshake *h);
int64_t ws_protocol_unfinished_count(
    const struct node *n); /* adopted, but not yet answered with 101 */
void ws_protocol_on_tick(struct node *n, int64_t now_ms); /* ends connections that don't close */

#endif
