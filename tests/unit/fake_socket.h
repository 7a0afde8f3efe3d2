/*
 * A connection whose other end is the test: takes so many frames and then blocks, or breaks.
 * Implements wsnode/socket.h.
 */
#ifndef TESTS_UNIT_FAKE_SOCKET_H
#define TESTS_UNIT_FAKE_SOCKET_H

#include <sys/queue.h>

#include "wsnode/socket.h"

struct fake_frame {
    STAILQ_ENTRY(fake_frame) link;
    char text[];
};

struct socket {
    STAILQ_HEAD(fake_frames, fake_frame) frames; /* on their way to the peer */
    struct fake_frame *stuck; /* borrowed: the last one, if a part of it is not with the kernel */
    int takes;                /* frames that the kernel takes until it blocks; -1: all */
    bool free;                /* false: the last frame is not all with the kernel */
    bool broken;              /* writes fail */
    bool wants_writable;
    int pings;
    int close_code; /* 0: not closed by us */
    char close_reason[128];
    char taken[65536]; /* what fake_socket_take() returned last */
};

void fake_socket_init(struct socket *s);
void fake_socket_finish(struct socket *s);
/* The peer reads one frame: borrowed until the next call; NULL: there is none, or a part of it
 * only. */
const char *fake_socket_take(struct socket *s);
/* The kernel takes what was left and so many frames more; session_on_writable() is the test's to
 * call. */
void fake_socket_unblock(struct socket *s, int takes);

#endif
