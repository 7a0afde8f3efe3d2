/*
 * A thread that serves FastCGI requests, one after another; and the same for the one request of a
 * plain CGI process.
 */
#ifndef FCGI_SEND_WORKER_H
#define FCGI_SEND_WORKER_H

#include "fcgi-send/connections.h"
#include "fcgi-send/service.h"

/* Returns when the stop is there and the request that it was serving is answered. Signals must be
 * blocked: libfcgi takes an interrupted read for the end of the connection. */
void worker_run(struct worker *w, struct connections *c);
/* Serves the request that the environment describes. */
void worker_run_cgi(struct worker *w);

#endif
