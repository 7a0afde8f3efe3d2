/*
 * Envelopes to sessions, and one answer for each. What is for few sessions is delivered at once;
 * messages for groups may take several turns of the loop, one envelope after another, so that the
 * sessions of a node get them in one order. Senders that wait for more are deliver_wait.c's matter.
 */
#include "wsnode/deliver.h"

#include <stdlib.h>
#include <string.h>

#include "wsnode/deliver_round.h"

/* Senders give up a forward that is not answered within send.forward_timeout; one that takes longer
 * is answered with what is known by then. */
#define ANSWER_MS 500

static bool has_group(const struct envelope *e)
{
    for (size_t i = 0; i < e->message_count; i++) {
        if (e->messages[i].group[0]) {
            return true;
        }
    }
    return false;
}

static enum err begin_delivery(struct round *r, int64_t deadline_ms)
{
    r->delivery = deliver_wait_begin(r->node, deadline_ms);
    return r->delivery ? ERR_OK : ERR_NO_MEMORY;
}

static bool go_on(struct node *n, struct turn_task *t, int64_t now_ms);
static void drop(struct turn_task *t);

/* It goes on when the loop has turned. */
static enum err pause_round(struct round *r, struct envelope *e, int64_t now_ms)
{
    struct deliveries *d = r->node->deliveries;

    if ((!r->delivery && begin_delivery(r, now_ms + ANSWER_MS)) || round_keep(r, e)) {
        return ERR_NO_MEMORY;
    }
    r->task.go_on = go_on;
    r->task.drop = drop;
    STAILQ_INSERT_TAIL(&d->rounds, r, link);
    turns_add(r->node, &r->task);
    return ERR_OK;
}

/* Its answer becomes the delivery's, which is awaited, or *answer, which is complete. */
static bool is_awaited(struct round *r, struct envelope_answer *answer)
{
    struct envelope_answer whole = r->answer;

    r->answer = (struct envelope_answer){.message_count = 0};
    if (r->delivery && deliver_wait_end(r->node, r->delivery, &whole)) {
        return true;
    }
    deliver_wait_count_groups(&whole);
    *answer = whole;
    return false;
}

enum err deliver_envelope(struct node *n, struct envelope *e, int64_t now_ms,
    struct envelope_answer *answer, uint64_t *number)
{
    if (e->boot[0] != '\0' && strcmp(e->boot, n->boot) != 0) {
        return ERR_WRONG_BOOT;
    }
    struct round *r = malloc(sizeof(*r));
    if (!r) {
        return ERR_NO_MEMORY;
    }
    if (round_init(r, n, e) || (r->waits && begin_delivery(r, now_ms + e->wait_ms))) {
        goto no_memory;
    }
    bool takes_turns = has_group(e);
    bool waits_for_turn = takes_turns && !turns_are_idle(n);
    bool done = !waits_for_turn && round_run(r, takes_turns ? TURN_SESSIONS : SIZE_MAX, now_ms);
    *number = r->delivery ? deliver_wait_number(r->delivery) : 0;
    if (!done && !pause_round(r, e, now_ms)) {
        *number = deliver_wait_number(r->delivery);
        return ERR_OK;
    }
    if (!done) {
        (void)round_run(r, SIZE_MAX, now_ms); /* without memory for a pause, in one go */
    }
    if (!is_awaited(r, answer)) {
        *number = 0;
    }
    round_finish(r);
    free(r);
    return ERR_OK;

no_memory:
    round_finish(r);
    free(r);
    return ERR_NO_MEMORY;
}

static bool go_on(struct node *n, struct turn_task *t, int64_t now_ms)
{
    struct round *r = (struct round *)t;
    struct envelope_answer answer;

    if (!round_run(r, TURN_SESSIONS, now_ms)) {
        return false;
    }
    uint64_t number = deliver_wait_number(r->delivery);
    STAILQ_REMOVE_HEAD(&n->deliveries->rounds, link);
    if (!is_awaited(r, &answer)) {
        deliver_on_done(n, number, &answer);
    }
    drop(t);
    return true;
}

static void drop(struct turn_task *t)
{
    struct round *r = (struct round *)t;

    round_finish(r);
    free(r);
}

void deliver_tell_so_far(struct node *n, const struct delivery *delivery)
{
    struct envelope_answer answer;
    struct round *r;

    STAILQ_FOREACH(r, &n->deliveries->rounds, link)
    {
        if (r->delivery == delivery && !round_answer_so_far(r, &answer)) {
            deliver_on_done(n, deliver_wait_number(delivery), &answer);
            return;
        }
    }
}
