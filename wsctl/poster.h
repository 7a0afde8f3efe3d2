/*
 * POST /socketSend with libcurl: one request at a time, on a kept connection.
 */
#ifndef WSCTL_POSTER_H
#define WSCTL_POSTER_H

#include "shared/config.h"
#include "wsctl/send_answer.h"

struct poster;

/* config is borrowed for the poster's life. NULL: no memory. */
struct poster *poster_create(const struct config *config);
void poster_destroy(struct poster *p); /* NULL is fine */

/* Takes at most consume.timeout. What *out borrows lasts until the next call. */
void poster_post(struct poster *p, struct slice body, struct send_answer *out);

#endif
