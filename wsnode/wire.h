/*
 * One connection of the public listener in the loop: bytes in and out, as many as pass at once, and
 * when more may; with TLS, if the listener has it (wire_tls.c). What they mean is its owner's
 * matter: ws_arrival.c's until the handshake is done, then ws_protocol.c's. It is ours and not
 * libwebsockets', whose connections take a kilobyte each and walk a table of all descriptors when
 * they close; its raw ones spin while a peer sends but does not read.
 */
#ifndef WSNODE_WIRE_H
#define WSNODE_WIRE_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "wsnode/node.h"

struct wire;

/* What a wire may be ready for, as bits. */
enum wire_ready {
    WIRE_READABLE = 1,
    WIRE_WRITABLE = 2,
    WIRE_BROKEN = 4, /* nothing more comes or goes: destroy it */
};

/* What wires with TLS share: n->wires, or NULL where there is none. After loop_create(). */
enum err wires_create(struct node *n) MUST_CHECK;
void wires_close(struct node *n);   /* its handle; all wires are gone */
void wires_destroy(struct node *n); /* once the loop has run out */

/* Takes fd, which is non-blocking. NULL: no memory; fd is closed. */
struct wire *wire_create(struct node *n, int fd);
void wire_destroy(struct wire *w); /* closes the connection; its owner is not called any more */

/* Whom to call when it is ready, from the loop only. The owner may destroy the wire meanwhile. */
void wire_set_owner(struct wire *w, void (*on_ready)(void *owner, unsigned ready), void *owner);
/* For what: WIRE_READABLE, WIRE_WRITABLE or both; as long as it is so, the owner is called. */
void wire_watch(struct wire *w, unsigned ready);

/* Returns how many bytes have come; 0: none for now; -1: the peer has finished, or is gone. With
 * TLS, it also does the handshake. */
ssize_t wire_read(struct wire *w, void *bytes, size_t max);
/* Returns how many bytes were taken, which may be fewer, or none; -1: the connection is broken. The
 * next call has to go on with the bytes that were not taken. With TLS, not before any were read. */
ssize_t wire_write(struct wire *w, const void *bytes, size_t len);
/* What is written while it is held may wait in the kernel, which sends full packets; the rest goes
 * out when it is let go. */
void wire_hold(struct wire *w, bool held);
void wire_end_writing(struct wire *w); /* the peer sees the end, and may still send */
/* Both ends see the end; for when the owner must not be called back at once. */
void wire_cut(struct wire *w);
/* false: the connection was reset, although what came before can still be read. */
bool wire_peer(const struct wire *w, struct sockaddr_storage *out);

#endif
