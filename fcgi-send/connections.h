/*
 * The web servers' connections that no thread is serving: those that are still in the listener's
 * backlog, and those that are kept between two requests. They hold no thread. All threads share
 * one, and it is safe for all.
 */
#ifndef FCGI_SEND_CONNECTIONS_H
#define FCGI_SEND_CONNECTIONS_H

#include <stdint.h>

#include "shared/err.h"

struct connections {
    int epoll_fd;     /* owned */
    int listen_fd;    /* borrowed */
    int stop_fd;      /* borrowed; readable once nothing more is to be served */
    int64_t pause_ms; /* longest pause in what a web server sends or takes */
};

/* ERR_INTERNAL: the kernel refuses; p says what. */
enum err connections_init(struct connections *c, int listen_fd, int stop_fd, int64_t pause_ms,
    struct problem *p) MUST_CHECK;
/* No thread may use it any more. Kept connections end with the process. */
void connections_finish(struct connections *c);

/* Waits for a connection with something to read, which is the caller's then; -1: stop. */
int connections_take(struct connections *c);
/* Gives back one that is kept. */
void connections_park(struct connections *c, int fd);

#endif
