/*
 * What the files of arrivals share: ws_arrival.c (the whole), ws_arrival_check.c (what is asked of
 * a handshake), ws_arrival_hook.c (what becomes of it while the backend is asked). Nobody else
 * includes it.
 */
#ifndef WSNODE_WS_ARRIVAL_STATE_H
#define WSNODE_WS_ARRIVAL_STATE_H

#include "wsnode/hash.h"
#include "wsnode/wire.h"
#include "wsnode/ws_arrival.h"
#include "wsnode/ws_protocol.h"

struct arrival {
    UT_hash_handle by_number; /* in asked, while handshake is there */
    uint64_t number;
    struct session_handshake *handshake; /* owned; of which the backend was asked */
    struct hook_pending *pending;        /* the question, until it is answered */
    struct wire *wire;                   /* owned, until ws_protocol takes it */
    struct arrivals *all;
    struct ring_entry entry; /* in waiting or lingering, unless the backend was asked */
    struct buf head;         /* what has come, while it is incomplete; then what is behind it */
    bool lingers;
};

/* What has come, and what was found in it. */
struct finding {
    struct slice head;
    struct ws_bytes behind; /* the head, if it is complete; else all that has come */
    struct session_handshake handshake;
    struct problem problem;
};

/* ws_arrival.c. "Goes on": the arrival is there afterwards, with its wire to be watched. */
void arrival_end(struct arrival *a);
/* Everything that has come so far, in all->head. false: the peer has finished, or is gone. */
bool arrival_read(struct arrival *a, struct ws_bytes *so_far);
/* Keeps it until more has come. false: no memory, and it has ended. */
bool arrival_keep(struct arrival *a, struct ws_bytes so_far);
/* The wire goes on as a session's, and the arrival is gone. */
void arrival_adopt(struct arrival *a, const struct session_handshake *h, struct ws_bytes behind);
void arrival_refuse(struct arrival *a, const struct problem *p); /* goes on */
void arrivals_make_room(struct arrivals *as);
bool arrivals_full(const struct arrivals *as); /* there are as many sessions as may be */

/*
 * ws_arrival_check.c: may this handshake become a session, as far as that is known here? peer: the
 * other end. Whom the backend is asked about (n->hook) has yet to be counted as a user.
 */
enum err arrivals_check(struct arrivals *as, const struct sockaddr_storage *peer, struct slice head,
    struct session_handshake *h, struct problem *p) MUST_CHECK;

/* ws_arrival_hook.c. Asks the backend about what was found. Whether it goes on. */
bool arrival_ask(struct arrival *a, struct finding *f);
void arrival_wait_for_answer(struct arrival *a); /* something has come meanwhile */
void arrival_stop_asking(struct arrival *a);     /* fine if nobody was asked */

#endif
