/*
 * POST /socketSend, from the body to the answer. routes.c has authorized the caller before.
 */
#include <time.h>

#include "fcgi-send/dispatch.h"
#include "fcgi-send/ghosts.h"
#include "fcgi-send/report.h"
#include "fcgi-send/routes.h"
#include "fcgi-send/stats.h"
#include "fcgi-send/validate.h"

static enum err validate(
    const struct config *config, const struct request *req, struct message *m, struct problem *p)
{
    const struct message_rules rules = {
        .payload_max_bytes = config->send_message_max_bytes,
        .timeout_max_ms = config->send_timeout_max_ms,
        .ttl_max_s = config->inbox_ttl_ms / 1000,
    };
    const struct slice body = {buf_str(&req->body), req->body.len};

    return validate_send(body, req->idempotency_key, &rules, m, p);
}

/* A send that waits holds its thread: only so many may, so that others still get one. */
static enum err begin_wait(struct service *s, const struct message *m)
{
    if (m->wait == MESSAGE_WAIT_NONE) {
        return ERR_OK;
    }
    if (atomic_fetch_add(&s->waits, 1) >= s->config->send_max_waits) {
        atomic_fetch_sub(&s->waits, 1);
        return ERR_TOO_MANY_WAITS;
    }
    send_stat_add(waits, 1);
    return ERR_OK;
}

static void end_wait(struct service *s, const struct message *m)
{
    if (m->wait != MESSAGE_WAIT_NONE) {
        atomic_fetch_sub(&s->waits, 1);
        send_stat_add(waits, -1);
    }
}

static void count(const struct lookup *found)
{
    send_stat_add(sends, 1);
    send_stat_add(duplicates, found->sent.duplicate);
    for (size_t i = 0; i < found->count; i++) {
        stats_add(&send_stats[SEND_STAT_deliveries_queued + found->deliveries[i].status], 1);
    }
}

/* Looks up, forwards, and reports. */
static enum err send_message(
    struct worker *w, const struct message *m, struct response *res, struct problem *p)
{
    struct lookup found;
    enum err err = lookup_send(w, m, &found, p);

    if (err) {
        return err;
    }
    err = dispatch(w, m, &found);
    if (!err) {
        ghosts_remove(w, found.deliveries, found.count);
        count(&found);
        report_encode(&found.sent, found.deliveries, found.count, &res->data);
        res->replayed = found.sent.duplicate;
    }
    lookup_finish(&found);
    return err;
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
    struct message message;
    enum err err = validate(w->service->config, req, &message, p);

    if (err) {
        return err;
    }
    err = auth_check_reach(req->caller, message.target.server_client, p);
    if (!err) {
        err = begin_wait(w->service, &message);
    }
    if (!err) {
        err = send_message(w, &message, res, p);
        end_wait(w->service, &message);
    }
    message_finish(&message);
    histogram_observe(&send_duration, now_us() - start_us);
    return err;
}
