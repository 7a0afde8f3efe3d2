/*
 * What all calls of the backend at upstream.hook_url have in common.
 */
#ifndef WSNODE_UPSTREAM_POST_H
#define WSNODE_UPSTREAM_POST_H

#include <stdbool.h>

#include "wsnode/http_client.h"

/* POSTs JSON. id: unique, and the same when it is tried again. As http_client_post(). */
enum err upstream_post(struct node *n, struct http_client *http, const char *id,
    const struct buf *body, http_client_done *done, void *arg) MUST_CHECK;
bool upstream_post_is_taken(const struct http_reply *reply); /* 2xx */

#endif
