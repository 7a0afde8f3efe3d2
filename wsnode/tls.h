/*
 * The TLS side of the node's listeners: what they show, whom they let in, and how that changes
 * while they run. Whoever does the handshakes (libwebsockets on the internal listener, wire_tls.c
 * on the public one) has an SSL_CTX; what is in it comes from here, and each new connection takes
 * the files that were last read and good. Connections that are there keep theirs.
 *
 * TLS 1.2 and 1.3 with OpenSSL's own ciphers, no renegotiation, HTTP/1.1 only. With a CA, no client
 * gets any further than the handshake without a certificate from it, and none resumes an earlier
 * handshake, in which another CA may have counted.
 *
 * Without a CA, TLS 1.3 resumes by tickets (RFC 8446 4.6.1), on any worker: their keys come from a
 * secret that is made before the fork, and from the certificate. So tickets end with the daemon and
 * with the certificate. TLS 1.2 has none, because there whoever learns the keys could read what was
 * recorded; in 1.3 each resumption makes new keys.
 */
#ifndef WSNODE_TLS_H
#define WSNODE_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/tls_files.h"

/*
 * What libwebsockets needs to know of a listener with TLS: the first also in its context's options.
 * It is not to read the system's CAs, of which it has no use.
 */
#define TLS_CONTEXT_OPTIONS LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT
#define TLS_VHOST_OPTIONS                                                                          \
    (LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX |               \
        LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS)
#define TLS_ALPN "http/1.1"

struct ssl_st; /* OpenSSL's SSL */
struct tls;

/*
 * Reads the files of all listeners. The supervisor does, before it forks: a worker that is started
 * later has what was last good, whatever is in the files by then, and whoever may read them. config
 * is borrowed. ERR_BAD_VALUE: as from tls_files_load().
 */
enum err tls_create(const struct config *config, struct tls **out, struct problem *p) MUST_CHECK;
void tls_destroy(struct tls *t); /* before or after the listeners' end; NULL is fine */

bool tls_is_on(const struct tls *t, enum tls_end end);
/*
 * Has the listener's new SSL_CTX serve (LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS). What
 * it does then points to t, and t to ctx: both must live as long as connections are made and files
 * are read.
 */
enum err tls_serve(struct tls *t, enum tls_end end, struct ssl_ctx_st *ctx) MUST_CHECK;

/* Reads all files again. A listener whose files are not good keeps what it has; the log says so. */
void tls_reload(struct tls *t);

/* Last words on a connection with TLS, as far as the socket takes them now. */
void tls_write(struct ssl_st *ssl, const void *bytes, size_t len);

#endif
