/*
 * The listening sockets for browsers.
 */
#ifndef WSNODE_PUBLIC_SOCKET_H
#define WSNODE_PUBLIC_SOCKET_H

#include "shared/config.h"
#include "shared/err.h"

/* Connects that wait while the worker is busy; the kernel caps it at net.core.somaxconn. */
#define PUBLIC_BACKLOG 4096

/* One of several that share node.public_listen; the kernel spreads connections over them. */
enum err public_socket_open(const struct config *config, int *fd, struct problem *p) MUST_CHECK;

#endif
