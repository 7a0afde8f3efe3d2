/*
 * What is asked of a handshake, in order.
 */
#include "shared/clock.h"
#include "wsnode/admission.h"
#include "wsnode/ws_arrival_state.h"

/* The rates come late: what is refused anyway does not count. Tokens cost more than all else; and
 * only who has a good one counts as its user. */
enum err arrivals_check(struct arrivals *as, const struct sockaddr_storage *peer, struct slice head,
    struct session_handshake *h, struct problem *p)
{
    const struct node *n = as->node;
    int64_t now_ms = clock_mono_ms();

    enum err err = handshake_parse(head, h, p);
    if (err) {
        return err;
    }
    err = gate_check(&as->gate, (const struct sockaddr *)peer, h, p);
    if (err) {
        return err;
    }
    if (n->refusing) {
        return problem_set(p, ERR_NODE_DRAINING, "", NULL);
    }
    if (arrivals_full(as)) {
        return problem_set(p, ERR_NODE_FULL, "", NULL);
    }
    err = gate_count(&as->gate, h, now_ms, p);
    if (err) {
        return err;
    }
    err = admission_decide(n, h, clock_wall_ms(), p);
    if (err || n->hook) {
        return err; /* whom the backend admits is counted then */
    }
    return gate_count_user(&as->gate, h, now_ms, p);
}
