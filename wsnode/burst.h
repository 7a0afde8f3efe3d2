/*
 * Frames that go to the same connection within a turn of the loop share packets: a packet costs
 * this host and the client more than what is in it. The first goes out at once; those after it are
 * in the kernel at once as well, which holds them until there is a packet full, or the turn ends.
 * Only those wires are looked after that were last written to: there may be many in one turn.
 */
#ifndef WSNODE_BURST_H
#define WSNODE_BURST_H

#include <stddef.h>

#include "wsnode/wire.h"

#define BURST_WIRES_MAX 8
/* What is held counts against TCP_NOTSENT_LOWAT (public_socket.c), above which the kernel takes no
 * more: half of it. */
#define BURST_BYTES_MAX 8192

struct burst_wire {
    struct wire *wire; /* borrowed; NULL: none */
    size_t held_bytes; /* 0: nothing is held */
};
/* All zero: none. */
struct burst {
    struct burst_wire wires[BURST_WIRES_MAX];
    size_t count; /* that were noted; the places are taken in turns */
};

/* So many bytes are about to be written. */
void burst_note(struct burst *b, struct wire *w, size_t bytes);
/* The wire is about to be destroyed. */
void burst_forget(struct burst *b, const struct wire *w);
/* The turn ends: what is held goes out. */
void burst_end(struct burst *b);

#endif
