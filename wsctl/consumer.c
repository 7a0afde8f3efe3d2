/*
 * Policy only: what an answer means says send_answer.c, and how a queue is told, its source.
 */
#include "wsctl/consumer.h"

#include <stdlib.h>

#include "shared/clock.h"
#include "shared/log.h"

/* How long a receive may wait, and so a stop. */
#define RECEIVE_MS 250
/* A queue that is out of reach is asked again after so long; its source has a back-off besides. */
#define UNREACHABLE_PAUSE_MS 250
#define RETRY_MIN_MS 100
/* A stop is noticed within this in a longer pause. */
#define PAUSE_PIECE_MS 250
#define REQUEST_BYTES_MAX (80 * 1024 * 1024)

enum err consumer_init(struct consumer *c, const struct config *config, struct source *source,
    struct poster *poster, const volatile sig_atomic_t *stop)
{
    size_t max = (size_t)config->consume_batch;

    *c = (struct consumer){
        .config = config, .source = source, .poster = poster, .stop = stop, .span = max};
    c->held = calloc(max, sizeof(*c->held));
    if (!c->held) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < max; i++) {
        queue_message_init(&c->held[i]);
    }
    return ERR_OK;
}

static void drop_held(struct consumer *c)
{
    for (size_t i = 0; i < c->held_count; i++) {
        queue_message_finish(&c->held[i]);
        queue_message_init(&c->held[i]);
    }
    c->held_count = 0;
}

void consumer_finish(struct consumer *c)
{
    for (size_t i = 0; i < (size_t)c->config->consume_batch; i++) {
        queue_message_finish(&c->held[i]);
    }
    free(c->held);
}

static void pause_for(struct consumer *c, int64_t pause_ms)
{
    int64_t end_ms = clock_mono_ms() + pause_ms;

    for (int64_t left_ms = pause_ms; left_ms > 0 && !*c->stop; left_ms = end_ms - clock_mono_ms()) {
        source_wait(c->source, left_ms < PAUSE_PIECE_MS ? left_ms : PAUSE_PIECE_MS);
    }
}

/* Sending */

/* A message that is no JSON must not get between others. */
static void add_message(struct buf *out, struct queue_message *m, size_t *added)
{
    struct problem p = {.err = ERR_OK};

    enum err err = queue_message_encode(m, *added > 0 ? "," : "", out, &p);
    if (err) {
        fate_set(&m->fate, VERDICT_DEAD, err_code(err), "%s", p.msg);
    } else {
        (*added)++;
    }
}

/* Encodes held messages from *at on that have no final fate, at most span; *at goes past them. */
static size_t encode_request(struct consumer *c, size_t *at, struct fate **fates, struct buf *out)
{
    size_t added = 0;

    buf_add_str(out, "{\"messages\":[");
    for (; *at < c->held_count && added < c->span; (*at)++) {
        struct queue_message *m = &c->held[*at];
        size_t before = added;

        if (!fate_is_final(&m->fate)) {
            add_message(out, m, &added);
        }
        if (added > before) {
            fates[before] = &m->fate;
        }
    }
    buf_add_str(out, "]}");
    return added;
}

static enum send_result post(
    struct consumer *c, const struct buf *request, struct fate **fates, size_t count)
{
    struct send_answer answer = {.why = "", .body = {"", 0}};
    enum err err = buf_err(request);

    if (err) {
        answer.status = err == ERR_BODY_TOO_LARGE ? 413 : 0; /* as if it had been sent */
        answer.why = err_text(err);
    } else {
        poster_post(c->poster, (struct slice){buf_str(request), request->len}, &answer);
    }
    enum send_result result = send_answer_read(&answer, fates, count);
    if (answer.retry_after_ms > c->retry_after_ms) {
        c->retry_after_ms = answer.retry_after_ms;
    }
    bool is_refused = answer.status >= 300 && answer.status < 500 && answer.status != 429;
    if (result == SEND_AGAIN) {
        log_write(is_refused ? LOG_ERROR : LOG_WARN, "send failed", "messages=%zu why=\"%s\"",
            count, fates[0]->why);
    }
    return result;
}

/* Half of what was too much; else up to twice as many as before. */
static void adapt_span(struct consumer *c, enum send_result result, size_t count)
{
    size_t max = (size_t)c->config->consume_batch;

    if (result == SEND_SPLIT) {
        c->span = count / 2;
    } else if (result == SEND_ANSWERED) {
        c->span = c->span * 2 < max ? c->span * 2 : max;
    }
}

/* What an earlier round has said of them does not count in this one. */
static void forget_fates(struct consumer *c)
{
    for (size_t i = 0; i < c->held_count; i++) {
        if (!fate_is_final(&c->held[i].fate)) {
            c->held[i].fate.verdict = VERDICT_AGAIN;
        }
    }
}

/* Settling */

/* What failed by itself too often goes to the dead letters. */
static void judge(struct consumer *c, struct queue_message *m)
{
    if (m->fate.verdict == VERDICT_FAILED && ++m->attempts >= c->config->consume_attempts) {
        m->fate.verdict = VERDICT_DEAD;
    }
    if (m->fate.verdict == VERDICT_FAILED) {
        log_warn("send failed", "id=\"%s\" code=%d attempt=%lld why=\"%s\"", m->id, m->fate.code,
            (long long)m->attempts, m->fate.why);
    }
    if (m->fate.verdict == VERDICT_DEAD) {
        log_warn("dead letter", "queue=\"%s\" id=\"%s\" code=%d why=\"%s\"",
            c->config->consume_queue, m->id, m->fate.code, m->fate.why);
    }
}

static void count_settled(struct consumer *c, size_t end)
{
    for (size_t i = 0; i < end; i++) {
        c->sent_count += c->held[i].fate.verdict == VERDICT_SENT;
        c->dead_count += c->held[i].fate.verdict == VERDICT_DEAD;
    }
}

/* The others move up, in order. Returns where the one at end is now. */
static size_t keep_unsettled(struct consumer *c, size_t end)
{
    size_t kept = 0;
    size_t left = c->held_count - end;

    for (size_t i = 0; i < c->held_count; i++) {
        if (i < end && fate_is_final(&c->held[i].fate)) {
            queue_message_finish(&c->held[i]);
            queue_message_init(&c->held[i]);
        } else {
            if (kept != i) {
                queue_message_move(&c->held[kept], &c->held[i]);
            }
            kept++;
        }
    }
    c->held_count = kept;
    return kept - left;
}

/* Those from first on, before end, have been answered. Returns where the one at end is now. */
static size_t settle(struct consumer *c, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        judge(c, &c->held[i]);
    }
    if (source_settle(c->source, c->held, end)) {
        count_settled(c, end);
        return keep_unsettled(c, end);
    }
    drop_held(c); /* they come again */
    return 0;
}

/* The whole */

/*
 * Sends all that is held, in order, as far as the sender takes it. Of several requests each is
 * settled before the next one: a stop waits for one only.
 */
static void send_held(struct consumer *c)
{
    struct fate **fates = calloc((size_t)c->config->consume_batch, sizeof(struct fate *));
    enum send_result result = SEND_ANSWERED;
    struct buf request;
    size_t at = 0;

    c->retry_after_ms = 0;
    forget_fates(c);
    buf_init(&request, REQUEST_BYTES_MAX);
    for (bool goes_on = fates != NULL; goes_on;) {
        size_t next = at;

        buf_reset(&request);
        size_t count = encode_request(c, &next, fates, &request);
        result = count > 0 ? post(c, &request, fates, count) : SEND_ANSWERED;
        adapt_span(c, result, count);
        if (result != SEND_SPLIT) {
            at = settle(c, at, next);
        }
        goes_on = result != SEND_AGAIN && at < c->held_count && !*c->stop;
    }
    buf_finish(&request);
    free(fates);
}

static void pause_before_next(struct consumer *c)
{
    int64_t now_ms = clock_mono_ms();

    if (c->held_count == 0) {
        backoff_reset(&c->backoff);
        return;
    }
    backoff_fail(&c->backoff, now_ms, RETRY_MIN_MS, c->config->consume_retry_max_ms);
    int64_t pause_ms = c->backoff.due_ms - now_ms;
    pause_for(c, pause_ms > c->retry_after_ms ? pause_ms : c->retry_after_ms);
}

void consumer_turn(struct consumer *c)
{
    size_t max = (size_t)c->config->consume_batch;

    if (c->held_count == 0 &&
        !source_receive(c->source, c->held, max, RECEIVE_MS, &c->held_count)) {
        drop_held(c);
        pause_for(c, UNREACHABLE_PAUSE_MS);
        return;
    }
    if (c->held_count > 0) {
        send_held(c);
        pause_before_next(c);
    }
}

void consumer_run(struct consumer *c)
{
    while (!*c->stop) {
        consumer_turn(c);
    }
}
