/*
 * From a connection to a request. libfcgi reads and writes the records; accepting, waiting and
 * stopping is done here and in connections.c, because libfcgi's own accept neither stops nor limits
 * how long a silent web server may hold a thread.
 */
#include "fcgi-send/worker.h"

#include <fcgiapp.h>
#include <fcgios.h>
#include <unistd.h>

#include "fcgi-send/records.h"
#include "fcgi-send/routes.h"

/* Of the request that this thread reads; libfcgi passes nothing to OS_Read() that could carry it.
 */
static _Thread_local struct records arriving;

/* libfcgi reads by this function, which it exports: ours takes its place, and hides what it must
 * not see as if the connection had ended. */
int OS_Read(int fd, char *buf, size_t len)
{
    ssize_t got = read(fd, buf, len);

    if (got > 0 && !records_check(&arriving, (struct slice){buf, (size_t)got})) {
        return 0;
    }
    return (int)got;
}

static void serve(struct worker *w, FCGX_Request *fcgi)
{
    struct request request;

    request_init(&request, fcgi, w->service->config->send_body_timeout_ms);
    routes_serve(w, &request);
    request_finish(&request);
}

/* Serves one request of a connection. Returns the connection if the web server keeps it, else -1.
 */
static int serve_connection(struct worker *w, FCGX_Request *fcgi, int fd)
{
    /* As if a request had just ended on it, and it were kept. */
    fcgi->ipcFd = fd;
    fcgi->keepConnection = 1;
    arriving = (struct records){0};
    if (FCGX_Accept_r(fcgi) == 0) {
        serve(w, fcgi);
        FCGX_Finish_r(fcgi);
    }
    int kept = fcgi->ipcFd;
    fcgi->ipcFd = -1;
    return kept;
}

void worker_run(struct worker *w, struct connections *c)
{
    FCGX_Request fcgi;
    int fd;

    /* Without a listener: where a connection breaks inside a request, libfcgi must not wait for
     * another one. */
    if (FCGX_InitRequest(&fcgi, -1, 0)) {
        return;
    }
    while ((fd = connections_take(c)) >= 0) {
        int kept = serve_connection(w, &fcgi, fd);
        if (kept >= 0) {
            connections_park(c, kept);
        }
    }
    FCGX_Free(&fcgi, 1);
}

void worker_run_cgi(struct worker *w)
{
    serve(w, NULL);
}
