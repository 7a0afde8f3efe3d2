/*
 * The FastCGI socket of send.listen.
 */
#ifndef FCGI_SEND_LISTENER_H
#define FCGI_SEND_LISTENER_H

#include <sys/types.h>

#include "shared/err.h"

/* Of a socket in the file system. */
struct listener_access {
    mode_t mode;
    const char *owner; /* "user[:group]"; "": as whom the program runs */
};

/*
 * listen: "ip:port", or "unix:/path" (what an earlier process left at the path
 * is replaced, but only a socket, and only if nobody listens there). *fd is the caller's.
 * ERR_BAD_VALUE: p says what is wrong.
 */
enum err listener_open(const char *listen, const struct listener_access *access, int *fd,
    struct problem *p) MUST_CHECK;

#endif
