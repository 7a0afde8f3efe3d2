/*
 * POST /socketSend, from the body to the answer, for one message or many. routes.c has authorized
 * the caller before.
 */
#include <string.h>
#include <time.h>

#include "fcgi-send/dispatch.h"
#include "fcgi-send/ghosts.h"
#include "fcgi-send/lookup.h"
#include "fcgi-send/report.h"
#include "fcgi-send/routes.h"
#include "fcgi-send/stats.h"
#include "fcgi-send/validate.h"

static enum err validate(
    const struct config *config, const struct request *req, struct batch *b, struct problem *p)
{
    const struct message_rules rules = {
        .payload_max_bytes = config->send_message_max_bytes,
        .timeout_max_ms = config->send_timeout_max_ms,
        .ttl_max_s = config->inbox_ttl_ms / 1000,
        .history = config->topics_history,
        .history_ttl_max_s = config->topics_history_ttl_ms / 1000,
    };
    const struct slice body = {buf_str(&req->body), req->body.len};

    return validate_send(body, req->idempotency_key, &rules, (size_t)config->send_batch_max, b, p);
}

/* Which serverClients the caller may send to, message by message. */
static void check_reach(const struct auth_key *caller, struct batch *b)
{
    char server_client[ADDRESS_PART_BYTES_MAX + 1];
    struct problem p;

    for (size_t i = 0; i < b->count; i++) {
        struct sending *s = &b->sendings[i];

        if (!s->problem.err &&
            auth_check_reach(caller, target_reach(&s->message.target, server_client), &p)) {
            batch_fail(b, s, p.err, p.field);
            memcpy(s->problem.msg, p.msg, sizeof(s->problem.msg));
        }
    }
}

/* A send that waits holds its thread: only so many may, so that others still get one. */
static enum err begin_wait(struct service *s, const struct batch *b)
{
    if (b->wait == MESSAGE_WAIT_NONE) {
        return ERR_OK;
    }
    if (atomic_fetch_add(&s->waits, 1) >= s->config->send_max_waits) {
        atomic_fetch_sub(&s->waits, 1);
        return ERR_TOO_MANY_WAITS;
    }
    send_stat_add(waits, 1);
    return ERR_OK;
}

static void end_wait(struct service *s, const struct batch *b)
{
    if (b->wait != MESSAGE_WAIT_NONE) {
        atomic_fetch_sub(&s->waits, 1);
        send_stat_add(waits, -1);
    }
}

_Static_assert(
    SEND_STAT_deliveries_passed - SEND_STAT_deliveries_queued == DELIVERY_PASSED - DELIVERY_QUEUED,
    "counters stand in the order of the statuses");

static void count_delivery(const struct delivery *d)
{
    if (!d->counts) {
        stats_add(&send_stats[SEND_STAT_deliveries_queued + d->status], 1);
        return;
    }
    for (int status = 0; status <= DELIVERY_PASSED; status++) {
        stats_add(&send_stats[SEND_STAT_deliveries_queued + status], d->counts->with[status]);
    }
}

static void count(const struct batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct sending *s = &b->sendings[i];

        if (!s->problem.err) {
            send_stat_add(sends, 1);
            send_stat_add(duplicates, s->sent.duplicate);
        } else if (b->is_list) {
            send_stats_count_error(s->problem.err); /* of a single one, routes.c does it */
        }
    }
    for (size_t i = 0; i < b->delivery_count; i++) {
        count_delivery(&b->deliveries[i]);
    }
}

/* Looks up, forwards, and reports. */
static enum err send_messages(
    struct worker *w, struct batch *b, struct response *res, struct problem *p)
{
    enum err err;

    if ((err = lookup_send(w, b)) || (err = dispatch(w, b))) {
        return err;
    }
    ghosts_remove(w, b->deliveries, b->delivery_count);
    count(b);
    if (!b->is_list && b->sendings[0].problem.err) {
        *p = b->sendings[0].problem;
        return p->err;
    }
    report_encode(b, &res->data);
    res->replayed = !b->is_list && b->sendings[0].sent.duplicate;
    return ERR_OK;
}

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

enum err send_serve(
    struct worker *w, const struct request *req, struct response *res, struct problem *p)
{
    int64_t start_us = now_us();
    struct batch batch;
    enum err err = validate(w->service->config, req, &batch, p);

    if (err) {
        return err;
    }
    check_reach(req->caller, &batch);
    err = begin_wait(w->service, &batch);
    if (!err) {
        err = send_messages(w, &batch, res, p);
        end_wait(w->service, &batch);
    }
    batch_finish(&batch);
    histogram_observe(&send_duration, now_us() - start_us);
    return err;
}
