/*
 * POST /forwardSend: what fcgi-send asks of a node. (POST /forwardClose: internal_close.c.)
 */
#include "shared/clock.h"
#include "wsnode/deliver.h"
#include "wsnode/internal_http.h"

#define ANSWER_BYTES_MAX ((size_t)64 * 1024 * 1024)

static void answer_statuses(struct internal_request *r, struct envelope_answer *statuses)
{
    struct buf body;

    buf_init(&body, ANSWER_BYTES_MAX);
    envelope_answer_encode(statuses, &body);
    if (buf_err(&body)) {
        struct problem p;
        (void)problem_set(&p, ERR_NO_MEMORY, "", NULL);
        internal_fail(r, &p);
    } else {
        internal_answer(r, 200, NULL, (struct slice){body.bytes, body.len});
    }
    buf_finish(&body);
    envelope_answer_finish(statuses);
}

static enum err decode(
    struct internal_request *r, struct envelope *e, struct buf *payload, struct problem *p)
{
    struct slice body = {buf_str(&r->body), r->body.len};

    return r->is_json ? envelope_decode_single(body, e, payload, p) : envelope_decode(body, e, p);
}

void internal_forward_send(struct internal_request *r)
{
    struct envelope envelope;
    struct envelope_answer statuses;
    struct buf payload;
    struct problem p;
    uint64_t number;

    node_stat_add(forwards, 1);
    buf_init(&payload, r->body.max);
    enum err err = decode(r, &envelope, &payload, &p);
    if (!err) {
        err = deliver_envelope(r->node, &envelope, clock_mono_ms(), &statuses, &number);
        if (err) {
            (void)problem_set(&p, err, "", NULL);
        }
        envelope_finish(&envelope);
    }
    if (err) {
        internal_fail(r, &p);
    } else if (number != 0) {
        internal_await(r, number);
    } else {
        answer_statuses(r, &statuses);
    }
    buf_finish(&payload);
}

void deliver_on_done(struct node *n, uint64_t number, struct envelope_answer *answer)
{
    struct internal_request *r = internal_find_awaiting(n, number);

    if (r) {
        answer_statuses(r, answer);
    } else {
        envelope_answer_finish(answer);
    }
}
