/*
 * From messages to sessions. The members of a group are listed when its turn comes, by id: they may
 * leave during a pause.
 */
#include "wsnode/deliver_round.h"

#include <stdlib.h>
#include <string.h>

#include "shared/log.h"
#include "wsnode/group_members.h"
#include "wsnode/session_topic.h"

static enum err add_statuses(struct envelope_answer_message *m, size_t count)
{
    m->sessions = calloc(count + 1, sizeof(*m->sessions));
    m->session_count = m->sessions ? count : 0;
    return m->sessions ? ERR_OK : ERR_NO_MEMORY;
}

static void name_session(struct envelope_status *out, const char *session_id)
{
    memcpy(out->session_id, session_id, sizeof(out->session_id));
    out->status = DELIVERY_QUEUED;
    out->idle_ms = -1;
}

static enum err create_answer(const struct envelope *e, struct envelope_answer *out)
{
    out->messages = calloc(e->message_count, sizeof(out->messages[0]));
    if (!out->messages) {
        return ERR_NO_MEMORY;
    }
    out->message_count = e->message_count;
    for (size_t i = 0; i < e->message_count; i++) {
        const struct envelope_message *m = &e->messages[i];
        struct envelope_answer_message *answer = &out->messages[i];

        answer->is_group = m->group[0] != '\0';
        if (!answer->is_group && add_statuses(answer, m->session_count)) {
            return ERR_NO_MEMORY; /* round_finish() frees what there is */
        }
        for (size_t at = 0; at < answer->session_count; at++) {
            name_session(&answer->sessions[at], m->sessions[at]);
        }
    }
    return ERR_OK;
}

enum err round_init(struct round *r, struct node *n, const struct envelope *e)
{
    *r = (struct round){
        .node = n, .envelope = *e, .waits = e->wait != MESSAGE_WAIT_NONE && e->wait_ms > 0};
    memcpy(r->answer.boot, n->boot, sizeof(r->answer.boot));
    return create_answer(e, &r->answer);
}

static void drop_frames(struct round *r)
{
    for (int i = 0; i < FORMAT_COUNT; i++) {
        payload_unref(r->frames[i]);
        r->frames[i] = NULL;
    }
}

void round_finish(struct round *r)
{
    drop_frames(r);
    envelope_answer_finish(&r->answer);
    if (r->payloads) {
        envelope_finish(&r->envelope);
    }
    free(r->payloads);
}

enum err round_keep(struct round *r, struct envelope *e)
{
    size_t bytes = 0;

    for (size_t i = 0; i < e->message_count; i++) {
        bytes += e->messages[i].payload.len;
    }
    char *at = malloc(bytes + 1);
    if (!at) {
        return ERR_NO_MEMORY;
    }
    r->payloads = at;
    for (size_t i = 0; i < e->message_count; i++) {
        struct slice *payload = &e->messages[i].payload;

        memcpy(at, payload->at, payload->len);
        payload->at = at;
        at += payload->len;
    }
    r->envelope = *e;
    *e = (struct envelope){.message_count = 0};
    return ERR_OK;
}

/* One session */

static void forward_to(struct round *r, struct session *s, struct envelope_status *out)
{
    const struct envelope_message *m = &r->envelope.messages[r->message];
    bool in_inbox = m->durable && !m->group[0];
    bool has_frame = false;
    struct session_forward forward = {
        .message = m,
        .wait = r->waits ? deliver_wait_number(r->delivery) : 0,
        .has_frame = &has_frame,
        .frames = r->frames,
    };

    out->status = session_forward(r->node, s, &forward);
    if (!r->waits || r->awaited > ENVELOPE_SESSIONS_MAX || !(in_inbox || has_frame)) {
        return; /* of a topic's log, nothing tells when the rest is written */
    }
    struct deliver_wait wait = {
        .status = out,
        .id = in_inbox ? m->id : (struct message_id){0, 0},
        .until_acked = r->envelope.wait == MESSAGE_WAIT_ACK && in_inbox && s->format->client_acks,
    };
    deliver_wait_add(r->node, r->delivery, s, &wait);
}

/* Sessions of others than the envelope's owner are none to it. */
static struct session *find_session(const struct round *r, const char *session_id)
{
    const struct envelope *e = &r->envelope;
    struct session *s = session_table_find(&r->node->table, session_id);
    struct address address;

    if (!s || (!e->owner.user_id[0] && !e->owner_user_id[0])) {
        return s;
    }
    session_table_address(s, &address);
    bool is_users = !e->owner_user_id[0] || strcmp(address.user_id, e->owner_user_id) == 0;
    return is_users && address_matches(&address, &e->owner) ? s : NULL;
}

/* Was this told of it before? Of groups, begin_group() knows. */
static bool is_repeated(struct round *r, struct envelope_status *out)
{
    const struct envelope_message *m = &r->envelope.messages[r->message];

    return !m->durable && !m->group[0] &&
           recent_forwards_find(r->node->deliveries->recent, m->forward_id, out->session_id,
               r->session, &out->status);
}

static void deliver_to_next(struct round *r, int64_t now_ms)
{
    struct envelope_status *out = &r->answer.messages[r->message].sessions[r->session];
    struct session *s = find_session(r, out->session_id);

    out->idle_ms = s ? session_idle_ms(s, now_ms) : -1;
    if (is_repeated(r, out)) {
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

/* One message */

struct listing {
    const struct envelope_message *message;
    struct envelope_answer_message *answer;
    size_t room;
};

static bool is_excluded(const struct envelope_message *m, const char *session_id)
{
    for (size_t i = 0; i < m->session_count; i++) {
        if (strcmp(m->sessions[i], session_id) == 0) {
            return true;
        }
    }
    return false;
}

static void list_member(struct session *s, void *arg)
{
    struct listing *l = arg;

    if (is_excluded(l->message, s->id)) {
        if (l->message->durable) {
            session_topic_pass(s, l->message);
        }
    } else if (l->answer->session_count < l->room) {
        name_session(&l->answer->sessions[l->answer->session_count++], s->id);
    }
}

static void begin_group(struct round *r)
{
    const struct envelope_message *m = &r->envelope.messages[r->message];
    struct envelope_answer_message *answer = &r->answer.messages[r->message];
    struct listing listing = {m, answer, group_members_count(r->node, m->group)};

    if (!m->durable &&
        recent_forwards_find_group(r->node->deliveries->recent, m->forward_id, &answer->counts)) {
        node_stat_add(messages_duplicate, 1);
        return;
    }
    if (add_statuses(answer, listing.room)) {
        log_limited(LOG_ERROR, "group not reached", "reason=\"out of memory\"");
        return;
    }
    answer->session_count = 0;
    group_members_each(r->node, m->group, list_member, &listing);
    r->awaited += answer->session_count;
}

static void end_message(struct round *r, int64_t now_ms)
{
    const struct envelope_message *m = &r->envelope.messages[r->message];
    struct envelope_answer_message *answer = &r->answer.messages[r->message];

    drop_frames(r);
    if (answer->is_group && (!r->waits || r->awaited > ENVELOPE_SESSIONS_MAX)) {
        envelope_answer_count(answer);
    }
    if (!m->durable) {
        recent_forwards_add(r->node->deliveries->recent, m->forward_id, answer, now_ms);
    }
    r->message++;
    r->session = 0;
}

bool round_run(struct round *r, size_t sessions, int64_t now_ms)
{
    size_t left = sessions;

    while (r->message < r->answer.message_count) {
        struct envelope_answer_message *answer = &r->answer.messages[r->message];

        if (r->session == 0 && answer->is_group && !answer->sessions) {
            begin_group(r);
        }
        for (; r->session < answer->session_count; r->session++, left--) {
            if (left == 0) {
                return false;
            }
            deliver_to_next(r, now_ms);
        }
        end_message(r, now_ms);
    }
    return true;
}

/* The answer as it stands */

static enum err copy_message(
    const struct round *r, size_t place, struct envelope_answer_message *out)
{
    const struct envelope_answer_message *from = &r->answer.messages[place];

    *out = (struct envelope_answer_message){.is_group = from->is_group, .counts = from->counts};
    if (from->is_group && place >= r->message && !from->sessions) { /* not begun */
        out->counts.with[DELIVERY_QUEUED] =
            (int64_t)group_members_count(r->node, r->envelope.messages[place].group);
        return ERR_OK;
    }
    if (add_statuses(out, from->session_count)) {
        return ERR_NO_MEMORY;
    }
    if (from->session_count > 0) {
        memcpy(out->sessions, from->sessions, from->session_count * sizeof(*out->sessions));
    }
    if (out->is_group) {
        envelope_answer_count(out);
    }
    return ERR_OK;
}

enum err round_answer_so_far(const struct round *r, struct envelope_answer *out)
{
    struct envelope_answer answer = {.message_count = r->answer.message_count};

    memcpy(answer.boot, r->answer.boot, sizeof(answer.boot));
    answer.messages = calloc(answer.message_count, sizeof(answer.messages[0]));
    if (!answer.messages) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < answer.message_count; i++) {
        if (copy_message(r, i, &answer.messages[i])) {
            envelope_answer_finish(&answer);
            return ERR_NO_MEMORY;
        }
    }
    *out = answer;
    return ERR_OK;
}
