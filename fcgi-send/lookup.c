/*
 * Stores a message and looks its sessions up, by one script.
 */
#include "fcgi-send/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-send/ghosts.h"
#include "fcgi-send/pipeline.h"
#include "shared/clock.h"
#include "shared/history.h"
#include "shared/redis_reply.h"
#include "shared/schema.h"

static enum err store_and_find(struct worker *w, const struct message *m, struct inbox_sent *out)
{
    const struct config *config = w->service->config;
    char hash[MESSAGE_HASH_BYTES] = "";
    struct inbox_send send = {
        .message = m,
        .store = m->durable,
        .payload_hash = hash,
        .max_messages = config->inbox_max_messages,
        .ttl_ms = config->inbox_ttl_ms,
        .idempotency_window_ms = config->inbox_idempotency_window_ms,
    };
    /* Only a messageId makes it safe to store again after a connection broke half-way. */
    bool repeatable = !m->durable || m->message_id[0];
    struct pipeline pipeline;
    enum err err = m->message_id[0] ? message_hash(m, hash) : ERR_OK;

    if (err || (err = pipeline_init(&pipeline, 1))) {
        return err;
    }
    inbox_send_command(pipeline_add(&pipeline), config->redis_prefix, &send);
    err = pipeline_run(&pipeline, w->redis, repeatable);
    if (!err) {
        err = inbox_send_decode(pipeline.replies[0], clock_wall_ms(), out);
    }
    pipeline_finish(&pipeline);
    return err;
}

static void add_wait(struct pipeline *pipeline, const struct config *config)
{
    struct command *command = pipeline_add(pipeline);

    command->follows = true;
    command_add_str(command, "WAIT");
    command_add_int(command, config->redis_wait_replicas);
    /* The answer is to come before the pipeline's own time is up. */
    command_add_int(command, config->redis_command_timeout_ms * 3 / 4);
}

/* Commands of add_touch(). */
#define TOUCHES 2

/* Keeps the inbox a little longer, and so writes something; the cursors must not go before it. */
static void add_touch(struct pipeline *pipeline, const struct config *config, const char *user_id)
{
    void (*const keys[])(struct command *, const char *, const char *) = {
        schema_add_read, schema_add_inbox};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct command *command = pipeline_add(pipeline);

        command_add_str(command, "PEXPIRE");
        keys[i](command, config->redis_prefix, user_id);
        command_add_int(command, config->inbox_ttl_ms);
    }
}

/*
 * WAIT counts the replicas that have this connection's last write. A retry has written nothing, and
 * the connection that stored the message may have been another one: so a write goes before it. It
 * may even have led to another master: so the entry must be there.
 */
static enum err await_replicas(
    struct worker *w, const struct message *m, struct message_id id, struct problem *p)
{
    const struct config *config = w->service->config;
    struct pipeline pipeline;
    int64_t confirmed = 0;
    enum err err = pipeline_init(&pipeline, TOUCHES + 2);

    if (err) {
        return err;
    }
    add_touch(&pipeline, config, m->target.user_id);
    add_wait(&pipeline, config);
    history_entry_command(pipeline_add(&pipeline), config->redis_prefix, m->target.user_id, id);
    err = pipeline_run(&pipeline, w->redis, true);
    if (!err) {
        err = redis_reply_int(pipeline.replies[TOUCHES], &confirmed);
    }
    struct reply_reader entry = reply_reader_of(err ? NULL : pipeline.replies[TOUCHES + 1]);
    if (!err && (confirmed < config->redis_wait_replicas || reply_length(&entry) == 0)) {
        err = problem_set(p, ERR_TOO_FEW_REPLICAS, "", NULL);
    }
    pipeline_finish(&pipeline);
    return err;
}

static bool is_excluded(const struct message *m, const char *session_id)
{
    for (size_t i = 0; i < m->exclude_count; i++) {
        if (strcmp(m->exclude[i], session_id) == 0) {
            return true;
        }
    }
    return false;
}

/* The sessions that are meant. A message that was sent before and is not stored (any more) goes to
 * nobody. */
static enum err select_sessions(const struct message *m, struct lookup *l)
{
    const struct inbox_sent *sent = &l->sent;
    bool is_over = sent->duplicate && !sent->stored;
    enum delivery_status status = is_over ? DELIVERY_PASSED : DELIVERY_UNREACHABLE;

    l->deliveries = calloc(sent->session_count + 1, sizeof(*l->deliveries));
    if (!l->deliveries) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < sent->session_count; i++) {
        const struct registry_entry *entry = &sent->sessions[i];

        if (target_matches(&m->target, &entry->address, entry->session_id) &&
            !is_excluded(m, entry->session_id)) {
            l->deliveries[l->count++] = (struct delivery){entry, status, -1};
        }
    }
    return ERR_OK;
}

enum err lookup_send(
    struct worker *w, const struct message *m, struct lookup *out, struct problem *p)
{
    struct lookup found = {.count = 0};
    enum err err = store_and_find(w, m, &found.sent);

    if (err) {
        return err;
    }
    if (found.sent.conflict) {
        err = problem_set(p, ERR_IDEMPOTENCY_CONFLICT, "messageId", NULL);
    } else if (found.sent.stored && w->service->config->redis_wait_replicas > 0) {
        err = await_replicas(w, m, found.sent.id, p);
    }
    if (err || (err = select_sessions(m, &found))) {
        inbox_sent_finish(&found.sent);
        return err;
    }
    ghosts_mark(w, found.deliveries, found.count);
    *out = found;
    return ERR_OK;
}

void lookup_finish(struct lookup *l)
{
    free(l->deliveries);
    inbox_sent_finish(&l->sent);
}
