/*
 * A queue of RabbitMQ (AMQP 0-9-1, by librabbitmq). The broker pushes at most consume.batch
 * messages before it wants acknowledgements; they lie in the stash until they are asked for. What
 * is not acknowledged when the connection ends, the broker delivers again, to whomever.
 */
#include <stdlib.h>
#include <time.h>

#include "shared/clock.h"
#include "wsctl/broker.h"
#include "wsctl/source.h"

struct amqp {
    struct source base;
    struct broker broker;
    size_t max;                  /* consume.batch: the prefetch */
    struct queue_message *stash; /* owned: max of them */
    size_t stash_count;
};

static void forget_stash(struct amqp *a)
{
    for (size_t i = 0; i < a->stash_count; i++) {
        queue_message_finish(&a->stash[i]);
        queue_message_init(&a->stash[i]);
    }
    a->stash_count = 0;
}

static void amqp_destroy(struct source *source)
{
    struct amqp *a = (struct amqp *)source;

    forget_stash(a);
    broker_finish(&a->broker);
    free(a->stash);
    free(a);
}

static enum err amqp_create(const struct config *config, struct source **out, struct problem *p)
{
    struct amqp *a = calloc(1, sizeof(*a));

    if (!a) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    a->base.kind = &source_amqp;
    a->max = (size_t)config->consume_batch;
    a->stash = calloc(a->max, sizeof(*a->stash));
    enum err err =
        a->stash ? broker_init(&a->broker, config, p) : problem_set(p, ERR_NO_MEMORY, "", NULL);
    if (err) {
        free(a->stash);
        free(a);
        return err;
    }
    for (size_t i = 0; i < a->max; i++) {
        queue_message_init(&a->stash[i]);
    }
    *out = &a->base;
    return ERR_OK;
}

/* Receiving */

static void stash(struct amqp *a, const amqp_envelope_t *envelope)
{
    struct queue_message *m = &a->stash[a->stash_count++];
    const amqp_basic_properties_t *properties = &envelope->message.properties;

    m->tag = envelope->delivery_tag;
    fate_set(&m->fate, VERDICT_AGAIN, 0, "%s", "");
    buf_add(&m->body, envelope->message.body.bytes, envelope->message.body.len);
    if (buf_err(&m->body)) {
        fate_set(&m->fate, VERDICT_DEAD, err_code(buf_err(&m->body)), "the message is too large");
    }
    if (properties->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) {
        queue_message_set_id(m, "", broker_slice(properties->message_id));
    }
}

/* Something else than a message came: the end of the consumer, the channel or the connection. */
static bool lose_by_frame(struct broker *b)
{
    amqp_frame_t frame;
    struct timeval none = {0, 0};
    int status = amqp_simple_wait_frame_noblock(b->connection, &frame, &none);

    if (status || frame.frame_type != AMQP_FRAME_METHOD) {
        return broker_lose(b, "receive", slice_of("an unexpected frame"));
    }
    return broker_lose(b, "receive", broker_words(&frame.payload.method));
}

/* What amqp_consume_message() says where it has no message. */
static bool check_receive(struct broker *b, amqp_rpc_reply_t reply)
{
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
        reply.library_error == AMQP_STATUS_TIMEOUT) {
        return true;
    }
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
        reply.library_error == AMQP_STATUS_UNEXPECTED_STATE) {
        return lose_by_frame(b);
    }
    return broker_check_reply(b, "receive", reply);
}

enum step { STEP_STASHED, STEP_NOTHING, STEP_LOST };

/* Waits for one message, and answers heartbeats meanwhile. */
static enum step stash_next(struct amqp *a, int64_t wait_ms)
{
    struct broker *b = &a->broker;
    struct timeval timeout = {wait_ms / 1000, wait_ms % 1000 * 1000};
    amqp_envelope_t envelope;

    amqp_maybe_release_buffers(b->connection);
    amqp_rpc_reply_t reply = amqp_consume_message(b->connection, &envelope, &timeout, 0);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
        return check_receive(b, reply) ? STEP_NOTHING : STEP_LOST;
    }
    bool has_room = a->stash_count < a->max;
    if (has_room) {
        stash(a, &envelope);
    }
    amqp_destroy_envelope(&envelope);
    if (!has_room) {
        (void)broker_lose(b, "receive", slice_of("more messages than the prefetch"));
    }
    return has_room ? STEP_STASHED : STEP_LOST;
}

static bool fill_stash(struct amqp *a, int64_t wait_ms)
{
    enum step step = STEP_STASHED;

    while (step == STEP_STASHED && a->stash_count < a->max) {
        step = stash_next(a, a->stash_count == 0 ? wait_ms : 0);
    }
    return step != STEP_LOST;
}

static bool amqp_receive(
    struct source *source, struct queue_message *out, size_t max, int64_t wait_ms, size_t *count)
{
    struct amqp *a = (struct amqp *)source;

    *count = 0;
    if (!a->broker.connection) {
        forget_stash(a); /* it will come again */
    }
    if (!broker_connect(&a->broker) || !fill_stash(a, wait_ms)) {
        return false;
    }
    while (*count < a->stash_count && *count < max) {
        queue_message_move(&out[*count], &a->stash[*count]);
        (*count)++;
    }
    a->stash_count = 0; /* max is consume.batch: nothing is left */
    return true;
}

/* A lost connection shows in the next settle. */
static void amqp_wait(struct source *source, int64_t wait_ms)
{
    struct amqp *a = (struct amqp *)source;
    struct timespec pause = {wait_ms / 1000, wait_ms % 1000 * 1000000L};
    int64_t end_ms = clock_mono_ms() + wait_ms;
    enum step step = STEP_STASHED;

    if (!a->broker.connection) {
        (void)nanosleep(&pause, NULL);
        return;
    }
    for (int64_t left_ms = wait_ms; left_ms > 0 && step == STEP_STASHED;
         left_ms = end_ms - clock_mono_ms()) {
        step = stash_next(a, left_ms);
    }
}

/* Settling */

static bool publish_dead_letter(struct broker *b, const struct queue_message *m)
{
    amqp_bytes_t body = {m->body.len, m->body.bytes};
    amqp_table_entry_t headers[2] = {
        {amqp_cstring_bytes("x-code"), {.kind = AMQP_FIELD_KIND_I32, .value.i32 = m->fate.code}},
        {amqp_cstring_bytes("x-why"),
            {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(m->fate.why)}},
    };
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG,
        .headers = {2, headers},
        .delivery_mode = AMQP_DELIVERY_PERSISTENT,
    };

    if (*m->id) {
        properties._flags |= AMQP_BASIC_MESSAGE_ID_FLAG;
        properties.message_id = amqp_cstring_bytes(m->id);
    }
    if (!broker_check_dead_letters(b) ||
        !broker_check_status(b, "dead_letters",
            amqp_basic_publish(b->connection, BROKER_DEAD_CHANNEL, amqp_empty_bytes,
                amqp_cstring_bytes(b->config->consume_dead_letters), false, false, &properties,
                body))) {
        return false;
    }
    amqp_tx_commit(b->connection, BROKER_DEAD_CHANNEL);
    return broker_check_reply(b, "dead_letters", amqp_get_rpc_reply(b->connection));
}

static bool settle_one(struct broker *b, const struct queue_message *m)
{
    bool is_dead = m->fate.verdict == VERDICT_DEAD;

    if (is_dead && !broker_has_dead_letters(b)) {
        return broker_check_status(
            b, "reject", amqp_basic_reject(b->connection, BROKER_CHANNEL, m->tag, false));
    }
    if (is_dead && !publish_dead_letter(b, m)) {
        return false;
    }
    return broker_check_status(
        b, "ack", amqp_basic_ack(b->connection, BROKER_CHANNEL, m->tag, false));
}

static bool amqp_settle(struct source *source, const struct queue_message *messages, size_t count)
{
    struct broker *b = &((struct amqp *)source)->broker;

    for (size_t i = 0; i < count; i++) {
        if (!b->connection || (fate_is_final(&messages[i].fate) && !settle_one(b, &messages[i]))) {
            return false;
        }
    }
    return true;
}

const struct source_kind source_amqp = {
    .create = amqp_create,
    .destroy = amqp_destroy,
    .receive = amqp_receive,
    .settle = amqp_settle,
    .wait = amqp_wait,
};
