/*
 * Envelopes to sessions: each message to each of its sessions, and one status for each. Senders
 * that wait for more are deliver_wait.c's matter.
 */
#include "wsnode/deliver.h"

#include <stdlib.h>
#include <string.h>

#include "wsnode/deliver_wait.h"

static enum err create_answer(
    const struct node *n, const struct envelope *e, struct envelope_answer *out)
{
    struct envelope_answer answer = {.message_count = e->message_count};

    memcpy(answer.boot, n->boot, sizeof(answer.boot));
    answer.messages = calloc(e->message_count, sizeof(answer.messages[0]));
    if (!answer.messages) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < e->message_count; i++) {
        size_t count = e->messages[i].session_count;
        answer.messages[i].sessions = calloc(count, sizeof(answer.messages[i].sessions[0]));
        if (!answer.messages[i].sessions) {
            envelope_answer_finish(&answer);
            return ERR_NO_MEMORY;
        }
        answer.messages[i].session_count = count;
    }
    *out = answer;
    return ERR_OK;
}

/* One message on its way through its sessions. */
struct round {
    struct node *node;
    const struct envelope *envelope;
    int64_t now_ms;
    struct delivery *delivery; /* NULL: nobody waits */
    bool wants_ack;
    const struct envelope_message *message;
    struct envelope_answer_message *answer;
    struct payload *frames[FORMAT_COUNT];
};

static void forward_to(struct round *r, struct session *s, struct envelope_status *out)
{
    const struct envelope_message *m = r->message;
    struct session_forward forward = {
        .message = m,
        .wait = r->delivery ? deliver_wait_number(r->delivery) : 0,
        .frames = r->frames,
    };

    out->status = session_forward(r->node, s, &forward);
    if (!r->delivery) {
        return;
    }
    struct deliver_wait wait = {
        .status = out,
        .id = m->durable ? m->id : (struct message_id){0, 0},
        .until_acked = r->wants_ack && m->durable && s->format->client_acks,
    };
    deliver_wait_add(r->node, r->delivery, s, &wait);
}

/* Sessions of others than the envelope's owner are none to it. */
static struct session *find_session(const struct round *r, const char *session_id)
{
    const struct envelope *e = r->envelope;
    struct session *s = session_table_find(&r->node->table, session_id);
    struct address address;

    if (!s || (!e->owner.user_id[0] && !e->owner_user_id[0])) {
        return s;
    }
    session_table_address(s, &address);
    bool is_users = !e->owner_user_id[0] || strcmp(address.user_id, e->owner_user_id) == 0;
    return is_users && address_matches(&address, &e->owner) ? s : NULL;
}

static void deliver_to(struct round *r, size_t place)
{
    const struct envelope_message *m = r->message;
    const char *session_id = m->sessions[place];
    struct envelope_status *out = &r->answer->sessions[place];
    struct session *s = find_session(r, session_id);
    const struct recent_forwards *recent = r->node->deliveries->recent;

    memcpy(out->session_id, session_id, sizeof(out->session_id));
    out->idle_ms = s ? session_idle_ms(s, r->now_ms) : -1;
    if (!m->durable &&
        recent_forwards_find(recent, m->forward_id, session_id, place, &out->status)) {
        node_stat_add(messages_duplicate, 1);
        return;
    }
    out->status = DELIVERY_GONE;
    if (s) {
        forward_to(r, s, out);
    }
    if (out->status == DELIVERY_GONE) {
        out->idle_ms = -1;
    }
}

static void deliver_message(struct round *r)
{
    const struct envelope_message *m = r->message;

    for (size_t i = 0; i < m->session_count; i++) {
        deliver_to(r, i);
    }
    for (int i = 0; i < FORMAT_COUNT; i++) {
        payload_unref(r->frames[i]);
        r->frames[i] = NULL;
    }
    if (!m->durable) {
        recent_forwards_add(r->node->deliveries->recent, m->forward_id, r->answer, r->now_ms);
    }
}

enum err deliver_envelope(struct node *n, const struct envelope *e, int64_t now_ms,
    struct envelope_answer *answer, uint64_t *number)
{
    struct round r = {
        .node = n,
        .envelope = e,
        .now_ms = now_ms,
        .wants_ack = e->wait == MESSAGE_WAIT_ACK,
    };
    struct envelope_answer built;

    if (e->boot[0] != '\0' && strcmp(e->boot, n->boot) != 0) {
        return ERR_WRONG_BOOT;
    }
    if (create_answer(n, e, &built) != ERR_OK) {
        return ERR_NO_MEMORY;
    }
    if (e->wait != MESSAGE_WAIT_NONE && e->wait_ms > 0) {
        r.delivery = deliver_wait_begin(n, now_ms + e->wait_ms);
        if (!r.delivery) {
            envelope_answer_finish(&built);
            return ERR_NO_MEMORY;
        }
    }
    for (size_t i = 0; i < e->message_count; i++) {
        r.message = &e->messages[i];
        r.answer = &built.messages[i];
        deliver_message(&r);
    }
    *number = 0;
    if (r.delivery && deliver_wait_end(n, r.delivery, &built)) {
        *number = deliver_wait_number(r.delivery);
    } else {
        *answer = built;
    }
    return ERR_OK;
}
