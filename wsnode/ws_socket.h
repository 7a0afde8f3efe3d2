/*
 * A session's connection, for ws_protocol.c (what comes in) and ws_socket.c (what goes out).
 */
#ifndef WSNODE_WS_SOCKET_H
#define WSNODE_WS_SOCKET_H

#include <libwebsockets.h>

#include "wsnode/session.h"

struct ws_protocol {
    struct lws_vhost *vhost;           /* borrowed from the context */
    struct lws_protocols protocols[3]; /* one per subprotocol, and the end */
    struct ring closings;              /* with a close frame of ours */
    struct ring endings; /* that libwebsockets closes, for its own reasons or the peer's */
    int64_t count;
    /* While ws_protocol_adopt() runs: the socket that has no session yet, and what it is for. */
    struct socket *adopting;
    const struct session_handshake *handshake;
};

struct socket {
    struct lws *wsi; /* borrowed; valid until LWS_CALLBACK_WSI_DESTROY; NULL before it is adopted */
    struct node *node;
    struct session *session;   /* borrowed; NULL before it opened and after it closed */
    struct buf *message;       /* owned; the fragments so far, NULL between messages */
    char *close_reason;        /* owned */
    struct ring_entry closing; /* in closings or endings */
    uint16_t close_code;       /* not 0: the connection is to be closed with it */
    bool close_sent;
};

struct socket *socket_create(struct node *n); /* NULL: no memory */
void socket_destroy(struct socket *s);
struct ring *socket_ring(struct socket *s); /* in which it is, if it is in one */
/* Cuts the connection: libwebsockets notices on its next turn. No timer, so O(1). */
void socket_cut(struct socket *s);
/* Writes a close frame with close_code now. Nothing may be written afterwards. */
void socket_send_close(struct socket *s, const char *reason);

#endif
