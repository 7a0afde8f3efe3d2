/*
 * When to hold a wire and when to let it go. It sees no bytes.
 */
#include "wsnode/burst.h"

static struct burst_wire *find(struct burst *b, const struct wire *w)
{
    for (size_t i = 0; i < BURST_WIRES_MAX && i < b->count; i++) {
        if (b->wires[i].wire == w) {
            return &b->wires[i];
        }
    }
    return NULL;
}

static void let_go(struct burst_wire *bw)
{
    if (bw->held_bytes > 0) {
        bw->held_bytes = 0;
        wire_hold(bw->wire, false);
    }
}

void burst_note(struct burst *b, struct wire *w, size_t bytes)
{
    struct burst_wire *bw = find(b, w);

    if (!bw) {
        bw = &b->wires[b->count++ % BURST_WIRES_MAX];
        let_go(bw);
        *bw = (struct burst_wire){.wire = w};
        return;
    }
    if (bw->held_bytes + bytes > BURST_BYTES_MAX) {
        let_go(bw);
        return;
    }
    if (bw->held_bytes == 0) {
        wire_hold(w, true);
    }
    bw->held_bytes += bytes;
}

void burst_forget(struct burst *b, const struct wire *w)
{
    struct burst_wire *bw = find(b, w);

    if (bw) {
        *bw = (struct burst_wire){.wire = NULL};
    }
}

void burst_end(struct burst *b)
{
    for (size_t i = 0; i < BURST_WIRES_MAX && i < b->count; i++) {
        let_go(&b->wires[i]);
    }
    b->count = 0;
}
