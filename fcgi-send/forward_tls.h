/*
 * How forwards get to nodes whose internal listener speaks TLS. Which do, their addresses say
 * (shared/nodes.h); what is then asked of them, the configuration: a certificate from send.tls_ca,
 * for the ip that is connected to or for send.tls_name. There is no way to ask for less.
 *
 * libcurl reads the files for every new connection, and each connection shakes hands in full; so
 * new files count as soon as they are there.
 */
#ifndef FCGI_SEND_FORWARD_TLS_H
#define FCGI_SEND_FORWARD_TLS_H

#include <curl/curl.h>
#include <stdbool.h>

#include "shared/config.h"

/* What is the same for all forwards. false: libcurl has no memory. */
bool forward_tls_prepare(CURL *easy, const struct config *config);

/* Why this node may not be spoken to; NULL: it may. */
const char *forward_tls_objection(const struct config *config, const char *addr);

struct forward_aim {
    const char *addr; /* of the node, as in shared/nodes.h */
    const char *path; /* at most FORWARD_PATH_BYTES with its NUL */
};
#define FORWARD_PATH_BYTES 32

/*
 * Sets where the forward goes. *connect_to is the handle's own, NULL at first: it is replaced here,
 * and the caller's to free once the handle is gone. false: no memory.
 */
bool forward_tls_aim(CURL *easy, const struct config *config, const struct forward_aim *aim,
    struct curl_slist **connect_to);

#endif
