/*
 * The FastCGI socket of send.listen.
 */
#ifndef FCGI_SEND_LISTENER_H
#define FCGI_SEND_LISTENER_H

#include "shared/err.h"

/*
 * listen: "ip:port", or "unix:/path" (made with mode 0660; what an earlier process left at the path
 * is replaced, but only a socket, and only if nobody listens there). *fd is the caller's.
 * ERR_BAD_VALUE: p says what is wrong.
 */
enum err listener_open(const char *listen, int *fd, struct problem *p) MUST_CHECK;

#endif
