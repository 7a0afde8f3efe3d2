/*
 * What a session needs of its connection. ws_socket.c implements it; unit tests fake it.
 */
#ifndef WSNODE_SOCKET_H
#define WSNODE_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "wsnode/payload.h"

struct socket; /* one connection; lives until session_on_closed() returns */

enum socket_write {
    SOCKET_WRITTEN,  /* the kernel has all bytes */
    SOCKET_BUFFERED, /* taken, but part of it waits in user space: session_on_writable() comes once
                        it has gone */
    SOCKET_BROKEN,   /* the connection is dead: session_on_closed() comes later */
};

/* Writes one text frame now. Only while socket_is_free(). */
enum socket_write socket_write_text(struct socket *s, struct payload *payload);
bool socket_is_free(
    const struct socket *s); /* nothing is left in user space from an earlier write */
void socket_want_writable(
    struct socket *s); /* session_on_writable() comes when the kernel takes more */
/* A protocol ping (RFC 6455 5.5.2). Only while socket_is_free(). */
enum socket_write socket_ping(struct socket *s);
/* Sends a close frame with code and reason (cut at CLOSE_REASON_BYTES_MAX) and ends the connection,
 * at latest after a few seconds; session_on_closed() comes later, never from inside this call.
 * Nothing may be written afterwards. */
void socket_close(struct socket *s, uint16_t code, const char *reason);

#endif
