/*
 * From a request to its answer: finds the call, checks who calls, reads the body, serves, and
 * encodes. The calls themselves are one file each.
 */
#ifndef FCGI_SEND_ROUTES_H
#define FCGI_SEND_ROUTES_H

#include "fcgi-send/request.h"
#include "fcgi-send/response.h"
#include "fcgi-send/service.h"

/* Serves one request from its headers to the answer. Sends the answer too. */
void routes_serve(struct worker *w, struct request *req);

/*
 * A call: adds its answer to res->data. What a key that is limited to some serverClients may see or
 * do is for each call to check (auth_check_reach on req->caller): docs/api.md says how. An error
 * may be returned without p being filled in: then the caller is told the text of the table.
 */
typedef enum err call_serve(
    struct worker *w, const struct request *req, struct response *res, struct problem *p);

call_serve send_serve;        /* POST /socketSend */
call_serve close_serve;       /* POST /socketClose */
call_serve subscribe_serve;   /* POST /subscribe */
call_serve unsubscribe_serve; /* POST /unsubscribe */
call_serve online_serve;      /* GET, POST /online */
call_serve presence_serve;    /* GET, POST /presence */
call_serve unread_serve;      /* GET /unread */
call_serve history_serve;     /* GET /history */
call_serve status_serve;      /* GET /status */
call_serve revoke_serve;      /* POST /revoke */
call_serve nodes_serve;       /* GET /nodes */
call_serve healthz_serve;     /* GET /healthz */
call_serve metrics_serve;     /* GET /metrics */

#endif
