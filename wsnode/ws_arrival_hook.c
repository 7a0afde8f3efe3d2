/*
 * Handshakes that the backend is asked about. They are in no ring meanwhile (the question has a
 * time of its own), and have a session's place.
 */
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "wsnode/ws_arrival_state.h"

void arrival_stop_asking(struct arrival *a)
{
    if (a->pending) {
        admission_hook_cancel(a->pending);
        a->pending = NULL;
    }
    if (a->handshake) {
        HASH_DELETE(by_number, a->all->asked, a);
        a->all->asked_count--;
        free(a->handshake);
        a->handshake = NULL;
    }
}

/* The backend has answered, or its answer is known. false: as arrival_look(). */
static bool settle(struct arrival *a, struct session_handshake *h, struct ws_bytes behind,
    const struct hook_answer *answer)
{
    struct arrivals *as = a->all;
    struct problem p;
    enum err err = answer->err;

    if (!err) {
        err = as->node->refusing ? ERR_NODE_DRAINING : arrivals_full(as) ? ERR_NODE_FULL : ERR_OK;
    }
    if (err) {
        (void)problem_set(&p, err, "", NULL);
    } else {
        err = gate_count_admitted(&as->gate, h, clock_mono_ms(), &p);
    }
    if (err) {
        arrival_refuse(a, &p);
        return true;
    }
    h->token = answer->token;
    memcpy(h->token.user_id, h->address.user_id, sizeof(h->token.user_id));
    arrival_adopt(a, h, behind);
    return false;
}

/* Keeps the handshake and what is behind it until the backend has answered. */
static enum err start_asking(struct arrival *a, const struct finding *f)
{
    struct session_handshake *h = malloc(sizeof(*h));

    if (!h) {
        return ERR_NO_MEMORY;
    }
    *h = f->handshake;
    h->source = (struct handshake_source){.url_bytes = 0}; /* they lie in the head, which goes */
    h->credentials = (struct session_credentials){.query_token = {NULL, 0}};
    buf_reset(&a->head);
    buf_add(&a->head, f->behind.at, f->behind.len);
    if (!buf_err(&a->head)) {
        HASH_ADD(by_number, a->all->asked, number, sizeof(a->number), a);
    }
    if (buf_err(&a->head) || !hash_has(a, by_number)) {
        free(h);
        return ERR_NO_MEMORY;
    }
    a->handshake = h;
    a->all->asked_count++;
    ring_remove(&a->all->waiting, &a->entry);
    return ERR_OK;
}

bool arrival_ask(struct arrival *a, struct finding *f)
{
    struct node *n = a->all->node;
    struct hook_asked asked;

    enum err err = admission_hook_ask(n, &f->handshake, f->head, a->number, &asked, &f->problem);
    if (err) {
        arrival_refuse(a, &f->problem);
        return true;
    }
    if (asked.known) {
        return settle(a, &f->handshake, f->behind, asked.known);
    }
    a->pending = asked.pending;
    if (start_asking(a, f)) {
        arrival_end(a);
        return false;
    }
    return true;
}

/* Clients have to wait for the answer to their handshake (RFC 6455 4.1); who does not is read as
 * far as a head may be long. */
void arrival_wait_for_answer(struct arrival *a)
{
    struct ws_bytes so_far;

    if (a->head.len == a->all->head_max) {
        wire_watch(a->wire, 0);
    } else if (!arrival_read(a, &so_far)) {
        arrival_end(a);
    } else {
        (void)arrival_keep(a, so_far);
    }
}

void arrivals_after_hook(struct arrivals *as, uint64_t number, const struct hook_answer *answer)
{
    struct arrival *a;
    struct session_handshake h;

    HASH_FIND(by_number, as->asked, &number, sizeof(number), a);
    if (!a) {
        return;
    }
    h = *a->handshake;
    a->pending = NULL;
    arrival_stop_asking(a);
    struct ws_bytes behind = {(unsigned char *)as->head, a->head.len};
    if (behind.len > 0) {
        memcpy(as->head, a->head.bytes, behind.len);
    }
    if (settle(a, &h, behind, answer)) {
        wire_watch(a->wire, WIRE_READABLE);
        arrivals_make_room(as);
    }
}
