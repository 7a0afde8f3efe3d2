/*
 * TLS on a wire: OpenSSL between wire.h's bytes and a non-blocking socket. It knows no loop, but
 * says for what of the socket each direction waits: a read may first have to write, and the other
 * way round. A read also does the handshake; nothing can be written before it is done.
 */
#ifndef WSNODE_WIRE_TLS_H
#define WSNODE_WIRE_TLS_H

#include "wsnode/tls.h"
#include "wsnode/wire.h"

struct wire_tls {
    struct ssl_st *ssl;        /* owned */
    unsigned char read_needs;  /* of the socket: WIRE_READABLE or WIRE_WRITABLE */
    unsigned char write_needs; /* the same */
    bool ended;                /* no more is written */
};

/* What the connections of the public listener are made from; the caller's (SSL_CTX_free()). t must
 * outlive it. NULL: no memory. */
struct ssl_ctx_st *wire_tls_context(struct tls *t);

/* fd is borrowed. false: no memory, and nothing to finish. */
bool wire_tls_init(struct wire_tls *w, struct ssl_ctx_st *ctx, int fd);
void wire_tls_finish(struct wire_tls *w);

/* As wire_read(), at most one record (16 kB) or one step of the protocol. -1 also stands for a
 * handshake that failed. */
ssize_t wire_tls_read(struct wire_tls *w, void *bytes, size_t max);
/* There are bytes to read of which the socket will not tell. */
bool wire_tls_has_bytes(const struct wire_tls *w);
/* As wire_write(). Bytes that were not taken have to come first in the next call, as some of them
 * may be encrypted by now. */
ssize_t wire_tls_write(struct wire_tls *w, const void *bytes, size_t len);
/* Tells the peer that no more will follow. false: once the socket is writable, call it again. */
bool wire_tls_end(struct wire_tls *w);
/* What of the socket to wait for, for what the wire is to be ready for. */
unsigned wire_tls_needs(const struct wire_tls *w, unsigned ready);

#endif
