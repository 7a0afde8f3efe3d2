/*
 * Which call a request's path names. Web servers mount us anywhere (/socketSend,
 * /websocket/socketSend, /cgi-bin/fcgi-send/socketSend), so the last segment decides.
 */
#ifndef FCGI_SEND_PATH_H
#define FCGI_SEND_PATH_H

#include "shared/buf.h"

/* Longest path, decoded; a mount point and our longest call need far less. */
#define PATH_BYTES_MAX 2048

/*
 * path: what stands before a '?', percent-encoded. Writes its last segment, decoded; "" for a path
 * that ends with '/'. ERR_BAD_PATH (a bad escape anywhere), ERR_URI_TOO_LONG.
 */
enum err path_last_segment(
    struct slice path, char out[PATH_BYTES_MAX], struct problem *p) MUST_CHECK;

#endif
