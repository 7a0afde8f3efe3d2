/*
 * The promise of the watermark as a property: whatever is lost, late, repeated, reordered, slow or
 * cut, each client sees each durable message that is for it exactly once and in order over all its
 * connections, and at the end all of them; a non-durable message at most once per connection.
 *
 * A model of the inbox and of two clients of one user (one socketsend.v1, one plain) around the
 * real sessions. Each run is a random walk from a seed; a failure prints the seed, and
 * SOCKETSEND_TEST_SEED=<seed> runs that one alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/node_rig.h"

#define RUNS 3000
#define STEPS 250
#define CLIENTS 2
#define ENTRIES_MAX 900
#define PAGE 3
#define OPS_MAX 256
#define FORWARDS_MAX 64

/* Message `number` is entry `number`, from 1; its id is number-0. */
struct entry {
    unsigned mask; /* bit c: it is for client c */
};

enum op_type { OP_OPEN, OP_FETCH, OP_REFRESH };

/* A call to the registry: executed there at some time, answered at some later time, in order. */
struct op {
    enum op_type type;
    char session_id[SESSION_ID_BYTES];
    int after;
    bool resumes; /* OP_OPEN with a lastId */
    bool executed;
    int numbers[PAGE + 1]; /* the page, 0-terminated */
    int last;
    bool more;
    int position;
    int missed;
};

struct client {
    const struct format *format;
    struct socket socket;
    struct session *session;           /* NULL: not connected */
    char session_id[SESSION_ID_BYTES]; /* of the last connection */
    bool registered;                   /* senders see it */
    bool greeted;                      /* has been told a position: it resumes from now on */
    int last;                          /* the last message seen, or that position */
    int acked;
    unsigned char volatile_seen[ENTRIES_MAX + 1];
};

struct forward {
    int number; /* 0: not durable */
    int tag;    /* which non-durable one */
    char ids[CLIENTS][SESSION_ID_BYTES];
    size_t count;
};

static struct {
    uint64_t seed;
    uint64_t random;
    struct entry entries[ENTRIES_MAX + 1];
    int entry_count;
    int cursor; /* read by somebody */
    struct op ops[OPS_MAX];
    int op_first, op_executed, op_end; /* answered < op_first <= op_executed <= op_end */
    struct forward forwards[FORWARDS_MAX];
    int forward_count;
    int volatile_count;
    struct client clients[CLIENTS];
} model;

#define check(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_error("SOCKETSEND_TEST_SEED=%llu\n", (unsigned long long)model.seed);            \
            assert_true(condition);                                                                \
        }                                                                                          \
    } while (0)

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t next_random(void)
{
    uint64_t z = (model.random += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int pick(int below)
{
    return (int)(next_random() % (uint64_t)below);
}

static bool one_in(int n)
{
    return pick(n) == 0;
}

static bool is_for(int number, const struct client *c)
{
    return model.entries[number].mask & (1u << (c - model.clients));
}

/* The next message that the client must see; 0: it has all. */
static int next_for(const struct client *c)
{
    for (int number = c->last + 1; number <= model.entry_count; number++) {
        if (is_for(number, c)) {
            return number;
        }
    }
    return 0;
}

static struct client *client_of(const char *session_id)
{
    for (int i = 0; i < CLIENTS; i++) {
        struct client *c = &model.clients[i];
        if (c->session && strcmp(c->session_id, session_id) == 0) {
            return c;
        }
    }
    return NULL;
}

/* The registry and the inbox. */

static struct op *add_op(enum op_type type, const struct session *s)
{
    check(model.op_end < OPS_MAX);
    struct op *op = &model.ops[model.op_end++];
    *op = (struct op){.type = type, .after = (int)s->watermark.ms};
    memcpy(op->session_id, s->id, sizeof(op->session_id));
    return op;
}

static void on_open(struct session *s, const char *last_id)
{
    add_op(OP_OPEN, s)->resumes = *last_id != '\0';
}

static void on_fetch(struct session *s)
{
    add_op(OP_FETCH, s);
}

static void on_ack(struct session *s)
{
    int acked = (int)s->acked.ms;

    model.cursor = acked > model.cursor ? acked : model.cursor;
}

/* As fetch.lua: a page is so many entries looked at, seen or not. */
static void read_page(struct op *op, const struct client *c)
{
    int count = 0;

    op->last = op->after;
    for (int i = 0; i < PAGE && op->last < model.entry_count; i++) {
        op->last++;
        if (is_for(op->last, c)) {
            op->numbers[count++] = op->last;
        }
    }
    op->more = op->last < model.entry_count;
    for (int number = op->after + 1; number <= model.entry_count; number++) {
        op->missed += is_for(number, c);
    }
}

static void execute_op(void)
{
    if (model.op_executed == model.op_end) {
        return;
    }
    struct op *op = &model.ops[model.op_executed++];
    struct client *c = client_of(op->session_id);
    if (!c) {
        return;
    }
    if (op->type == OP_OPEN) {
        c->registered = c->session->state != SESSION_CLOSING;
        op->after = op->resumes ? op->after : model.cursor;
    }
    op->executed = true;
    op->position = model.entry_count;
    read_page(op, c);
}

static void answer_open(struct session *s, const struct op *op)
{
    struct inbox_entry entries[PAGE];
    struct registry_opened opened = {
        .position = message_number(op->position),
        .recovered = true,
        .unread = op->missed,
        .missed = op->missed,
        .start = message_number(op->after),
        .cursors = {.filter = !op->resumes},
        .page = {.entries = entries, .last = message_number(op->last), .more = op->more},
    };

    for (; op->numbers[opened.page.count]; opened.page.count++) {
        int number = op->numbers[opened.page.count];
        entries[opened.page.count] =
            (struct inbox_entry){.id = message_number(number), .payload = payload_of(number)};
    }
    session_after_open(&rig.node, s, &opened);
}

static void answer_op(bool may_fail)
{
    if (model.op_first == model.op_executed) {
        return;
    }
    const struct op op = model.ops[model.op_first++];
    struct client *c = client_of(op.session_id);
    if (!c || !op.executed) {
        return;
    }
    bool fails = may_fail && one_in(4);
    switch (op.type) {
    case OP_OPEN:
        answer_open(c->session, &op);
        break;
    case OP_FETCH:
        if (fails) {
            session_after_fetch(&rig.node, c->session, NULL);
        } else {
            rig_fetch(c->session, op.numbers, op.last, op.more);
        }
        break;
    case OP_REFRESH:
        if (!fails) {
            rig_refresh(c->session, op.position);
        }
        break;
    }
    if (model.op_first == model.op_end) {
        model.op_first = model.op_executed = model.op_end = 0;
    }
}

/* Clients. */

static void connect_client(struct client *c)
{
    char last_id[MESSAGE_ID_BYTES] = "";

    if (c->greeted) {
        message_id_format(message_number(c->last), last_id);
    }
    memset(c->volatile_seen, 0, sizeof(c->volatile_seen));
    c->acked = 0;
    c->session = rig_connect_on(&c->socket, c->format, last_id);
    memcpy(c->session_id, c->session->id, sizeof(c->session_id));
    c->socket.takes = one_in(2) ? -1 : pick(6);
}

static void disconnect_client(struct client *c)
{
    session_on_closed(&rig.node, c->session);
    fake_socket_finish(&c->socket);
    c->session = NULL;
    c->registered = false;
}

/* The number of "<name>":"<number>-0" in a frame; -1: there is none. */
static int number_in(const char *frame, const char *name)
{
    const char *place = strstr(frame, name);

    return place ? atoi(place + strlen(name)) : -1;
}

static void see_message(struct client *c, const char *frame)
{
    int number = number_in(frame, "\"id\":\"");

    if (number < 0) {
        int tag = number_in(frame, "\"json\":");
        check(tag >= 1 && tag <= ENTRIES_MAX);
        check(!c->volatile_seen[tag]);
        c->volatile_seen[tag] = 1;
        return;
    }
    check(number_in(frame, "\"json\":") == number);
    check(number == next_for(c));
    c->last = number;
}

/* False: there was no frame. */
static bool read_frame(struct client *c)
{
    const char *frame = fake_socket_take(&c->socket);
    int position;

    if (!frame) {
        return false;
    }
    if ((position = number_in(frame, "\"position\":\"")) >= 0) {
        c->last = c->greeted ? c->last : position;
        c->greeted = true;
    } else if (strstr(frame, "{\"type\":\"message\"") || strstr(frame, "{\"type\":1,")) {
        check(c->greeted);
        see_message(c, frame);
    } else if (strcmp(frame, "{\"type\":\"ping\"}") == 0) {
        if (c->session->state != SESSION_CLOSING && !one_in(3)) {
            rig_text(c->session, "{\"type\":\"pong\"}");
        }
    } else {
        check(strstr(frame, "unread messages")); /* nothing else is expected, errors least of all */
    }
    return true;
}

static void send_ack(struct client *c)
{
    char frame[64];

    if (!c->greeted || !c->format->client_acks || c->session->state == SESSION_OPENING) {
        return;
    }
    snprintf(frame, sizeof(frame), "{\"type\":\"ack\",\"id\":\"%d-0\"}", c->last);
    c->acked = c->last;
    rig_text(c->session, frame);
}

/* Senders. */

static struct forward *new_forward(unsigned mask)
{
    if (model.forward_count == FORWARDS_MAX) {
        model.forwards[pick(FORWARDS_MAX)] = model.forwards[--model.forward_count]; /* lost */
    }
    struct forward *f = &model.forwards[model.forward_count++];
    *f = (struct forward){.number = 0};
    for (int i = 0; i < CLIENTS; i++) {
        if (model.clients[i].registered && (mask & (1u << i))) {
            memcpy(f->ids[f->count++], model.clients[i].session_id, SESSION_ID_BYTES);
        }
    }
    return f;
}

static void send_durable(void)
{
    if (model.entry_count == ENTRIES_MAX) {
        return;
    }
    unsigned mask = one_in(4) ? (unsigned)pick(1 << CLIENTS) : (1 << CLIENTS) - 1;
    model.entries[++model.entry_count].mask = mask;
    new_forward(mask)->number = model.entry_count;
}

static void send_volatile(void)
{
    if (model.volatile_count < ENTRIES_MAX) {
        new_forward((1 << CLIENTS) - 1)->tag = ++model.volatile_count;
    }
}

static void check_statuses(const struct envelope_answer *answer, int number)
{
    for (size_t i = 0; i < answer->messages[0].session_count; i++) {
        const struct envelope_status *s = &answer->messages[0].sessions[i];
        const struct client *c = client_of(s->session_id);
        if (c && number && s->status == DELIVERY_ACKED) {
            check(number <= c->acked);
        }
        if (c && number && s->status == DELIVERY_WRITTEN) {
            check(number <= (int)c->session->written.ms);
        }
        check(c || s->status == DELIVERY_GONE || s->status == DELIVERY_UNREACHABLE || !number);
    }
}

static void arrive(struct forward *f)
{
    struct envelope_message message = {
        .durable = f->number != 0,
        .id = message_number(f->number),
        .prev_id = message_number(f->number ? f->number - 1 : 0),
        .sessions = f->ids,
        .session_count = f->count,
        .payload = payload_of(f->number ? f->number : f->tag),
    };
    struct envelope envelope = {.messages = &message, .message_count = 1};
    struct envelope_answer answer;
    uint64_t waits;

    snprintf(message.forward_id, sizeof(message.forward_id), "%d", f->tag);
    check(deliver_envelope(&rig.node, &envelope, rig.now_ms, &answer, &waits) == ERR_OK);
    check_statuses(&answer, f->number);
    envelope_answer_finish(&answer);
}

/* Any of those on their way: reordered, repeated, or lost. */
static void step_forward(void)
{
    if (model.forward_count == 0) {
        return;
    }
    int place = one_in(3) ? pick(model.forward_count) : model.forward_count - 1;
    struct forward *f = &model.forwards[place];
    if (f->count > 0 && !one_in(10)) {
        arrive(f);
    }
    if (!one_in(5)) {
        *f = model.forwards[--model.forward_count];
    }
}

/* The walk. */

static void step_client(struct client *c)
{
    static const enum close_reason reasons[] = {CLOSE_DRAINED, CLOSE_CLOSED_BY_API, CLOSE_RESYNC};

    if (!c->session) {
        connect_client(c);
        return;
    }
    if (c->session->state == SESSION_CLOSING) {
        while (!one_in(5) && read_frame(c)) {
        }
        disconnect_client(c);
        return;
    }
    switch (pick(12)) {
    case 0:
        send_ack(c);
        break;
    case 1:
    case 2:
        rig_writable(c->session, one_in(3) ? -1 : pick(4));
        break;
    case 3:
        if (one_in(4)) {
            disconnect_client(c);
        }
        break;
    case 4:
        if (one_in(6)) {
            session_close(&rig.node, c->session, reasons[pick(3)]);
            c->registered = false;
        }
        break;
    case 5:
        session_resync(&rig.node, c->session);
        break;
    case 6:
        if (c->session->state != SESSION_OPENING) {
            add_op(OP_REFRESH, c->session);
        }
        break;
    default:
        (void)read_frame(c);
        break;
    }
}

static void step(void)
{
    switch (pick(10)) {
    case 0:
    case 1:
        send_durable();
        break;
    case 2:
        send_volatile();
        break;
    case 3:
    case 4:
        step_forward();
        break;
    case 5:
        execute_op();
        break;
    case 6:
        execute_op();
        answer_op(true);
        break;
    case 7:
        rig_pass(1 + pick(one_in(20) ? 12000 : 200));
        break;
    default:
        step_client(&model.clients[pick(CLIENTS)]);
        break;
    }
}

/* Everything works again, and nothing new comes: each client must get all that is left. */
static void settle_client(struct client *c)
{
    if (!c->session) {
        connect_client(c);
    }
    if (c->session->state == SESSION_CLOSING) {
        disconnect_client(c);
        return;
    }
    rig_writable(c->session, -1);
    while (c->session && read_frame(c)) {
    }
    if (c->session->state != SESSION_OPENING) {
        add_op(OP_REFRESH, c->session);
    }
}

static void answer_all(void)
{
    while (model.op_first < model.op_end) {
        execute_op();
        answer_op(false);
    }
}

static void settle(void)
{
    model.forward_count = 0;
    answer_all();
    for (int round = 0; round < ENTRIES_MAX; round++) {
        for (int i = 0; i < CLIENTS; i++) {
            settle_client(&model.clients[i]);
        }
        answer_all();
    }
    for (int i = 0; i < CLIENTS; i++) {
        const struct client *c = &model.clients[i];
        check(c->session && c->session->state == SESSION_LIVE);
        check(next_for(c) == 0);
        check(outbox_is_empty(&c->session->outbox) && !c->session->held);
    }
}

static void run(uint64_t seed)
{
    memset(&model, 0, sizeof(model));
    model.seed = model.random = seed;
    model.clients[0].format = &format_v1;
    model.clients[1].format = &format_plain;
    check(rig_start(NULL) == 0);
    rig.config.node_queue_max_bytes = 200 + pick(400);
    fake_presence.on_open = on_open;
    fake_presence.on_fetch = on_fetch;
    fake_presence.on_ack = on_ack;
    for (int i = 0; i < STEPS; i++) {
        step();
    }
    settle();
    for (int i = 0; i < CLIENTS; i++) {
        disconnect_client(&model.clients[i]);
    }
    rig_stop(NULL);
}

static void each_client_sees_each_message_once_and_in_order(void **state)
{
    const char *seed = getenv("SOCKETSEND_TEST_SEED");

    (void)state;
    if (seed) {
        run(strtoull(seed, NULL, 10));
        return;
    }
    for (uint64_t i = 1; i <= RUNS; i++) {
        run(i);
    }
    /* Did the walks meet what they are about? */
    assert_true(stats_get(&node_stats[NODE_STAT_gaps]) > RUNS);
    assert_true(stats_get(&node_stats[NODE_STAT_messages_duplicate]) > RUNS);
    assert_true(stats_get(&node_stats[NODE_STAT_messages_rejected]) > RUNS);
    assert_true(stats_get(&node_stats[NODE_STAT_messages_replayed]) > RUNS);
    assert_true(stats_get(&node_stats[NODE_STAT_acks]) > RUNS);
    assert_true(stats_get(&node_stats[NODE_STAT_silent]) > 0);
    assert_true(stats_get(&node_stats[NODE_STAT_slow]) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_client_sees_each_message_once_and_in_order),
    };

    return cmocka_run_group_tests_name("watermark", tests, NULL, NULL);
}
