/*
 * A session's connection, for ws_protocol.c (what comes in) and ws_socket.c (what goes out).
 */
#ifndef WSNODE_WS_SOCKET_H
#define WSNODE_WS_SOCKET_H

#include "wsnode/burst.h"
#include "wsnode/session.h"
#include "wsnode/wire.h"
#include "wsnode/ws_frame.h"

/* The way of a connection, from one to the next. */
enum socket_state {
    SOCKET_OPEN,
    SOCKET_CLOSING, /* our close frame is on its way; the peer's is awaited */
    SOCKET_ENDING,  /* nothing that comes counts any more; the peer is left time to read */
    SOCKET_STATE_COUNT
};

/* Read from one connection before the others get their turn: some 700 of the smallest frames. */
#define INPUT_BYTES_MAX 4096

struct ws_protocol {
    struct ring rings[SOCKET_STATE_COUNT]; /* all sockets; due: when they are cut off */
    int64_t count;
    struct burst burst;
    unsigned char input[INPUT_BYTES_MAX]; /* what was last read, from any of them */
};

/* There are many of them: what one does not need while it is idle hangs on a pointer. */
struct socket {
    struct wire *wire; /* owned */
    struct node *node;
    struct session *session;    /* borrowed; NULL before it opened and after it closed */
    struct ws_decoder *decoder; /* owned; NULL between messages */
    struct payload *unsent;     /* ref; a frame of which the kernel has only a part */
    struct payload *next;       /* ref; a control frame behind it: the newest pong, or our close */
    size_t unsent_bytes;        /* at the end of unsent */
    struct ring_entry entry;    /* in the ring of its state */
    unsigned char state;        /* enum socket_state */
    bool wants_writable;
};

struct socket *socket_create(struct node *n, struct wire *wire); /* NULL: no memory; wire is gone */
void socket_destroy(struct socket *s);                           /* its session is gone */
/* Sends bytes as they are. socket_is_free(). */
enum socket_write socket_write_raw(struct socket *s, const void *bytes, size_t len);
/* A ping, pong or close frame: at once, or behind what is being written. */
enum socket_write socket_write_control(struct socket *s, enum ws_opcode opcode, struct slice bytes);
/* Ends the connection: no more than what is being written goes out. */
void socket_end(struct socket *s);
void socket_continue_writing(struct socket *s); /* the wire takes more */
void socket_watch(struct socket *s);            /* tells the wire what is waited for */

#endif
