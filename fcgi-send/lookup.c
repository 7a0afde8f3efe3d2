/*
 * Stores messages and looks up whom they are for: a user's sessions, or a group's nodes. A script
 * call takes several messages for one user or group, and all calls are in one pipeline. What a user
 * or a group has is told by the last of its calls, after all is stored: so a session that this does
 * not show, because it opens later, finds it in the inbox.
 */
#include "fcgi-send/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-send/ghosts.h"
#include "fcgi-send/pipeline.h"
#include "fcgi-send/replicas.h"
#include "shared/clock.h"

/* More payload is not for one script call, so that others get their turn at Redis. */
#define VISIT_BYTES_MAX ((size_t)1024 * 1024)

/* One script call: some of the messages for a user, or for a group. */
struct visit {
    size_t first; /* in the queue */
    size_t count;
    bool looks_up;
};

/* What is to be sent, user by user and group by group, and to each in the order of the batch. */
struct queue {
    struct sending **items; /* owned; borrowed from the batch */
    size_t count;
    struct visit *visits; /* owned; the last one of each user or group looks up */
    size_t visit_count;
};

static int compare_by_subject(const void *left, const void *right)
{
    const struct sending *a = *(struct sending *const *)left;
    const struct sending *b = *(struct sending *const *)right;
    int by_subject = target_compare_subjects(&a->message.target, &b->message.target);

    return by_subject ? by_subject : (a > b) - (a < b);
}

/* How many from `first` on are for the same user or group. */
static size_t run_length(const struct queue *q, size_t first)
{
    const struct target *target = &q->items[first]->message.target;
    size_t n = 1;

    while (first + n < q->count &&
           target_compare_subjects(&q->items[first + n]->message.target, target) == 0) {
        n++;
    }
    return n;
}

/* One message, and as many more as one call takes. */
static size_t visit_length(const struct queue *q, size_t first, size_t most)
{
    size_t bytes = q->items[first]->message.payload.len;
    size_t n = 1;

    while (n < most && n < MESSAGE_ITEMS_MAX) {
        bytes += q->items[first + n]->message.payload.len;
        if (bytes > VISIT_BYTES_MAX) {
            break;
        }
        n++;
    }
    return n;
}

static void plan_visits(struct queue *q)
{
    for (size_t first = 0; first < q->count;) {
        size_t end = first + run_length(q, first);

        while (first < end) {
            size_t n = visit_length(q, first, end - first);
            q->visits[q->visit_count++] = (struct visit){first, n, first + n == end};
            first += n;
        }
    }
}

static void queue_finish(struct queue *q)
{
    free(q->items);
    free(q->visits);
}

static enum err queue_init(struct queue *q, const struct batch *b)
{
    *q = (struct queue){.items = calloc(b->count, sizeof(struct sending *)),
        .visits = calloc(b->count, sizeof(*q->visits))};

    if (!q->items || !q->visits) {
        queue_finish(q);
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < b->count; i++) {
        if (!b->sendings[i].problem.err) {
            q->items[q->count++] = &b->sendings[i];
        }
    }
    qsort(q->items, q->count, sizeof(struct sending *), compare_by_subject);
    plan_visits(q);
    return ERR_OK;
}

static enum err fill_items(
    struct message_item *items, struct sending **sendings, const struct visit *v)
{
    enum err err = ERR_OK;

    for (size_t i = 0; !err && i < v->count; i++) {
        const struct message *m = &sendings[i]->message;

        items[i] = (struct message_item){.message = m};
        err = m->message_id[0] ? message_hash(m, items[i].hash) : ERR_OK;
    }
    return err;
}

static enum err add_command(struct pipeline *pipeline, const struct config *config,
    struct sending **sendings, const struct visit *v)
{
    bool is_group = sendings[0]->message.target.group[0] != '\0';
    struct message_item items[MESSAGE_ITEMS_MAX];
    const struct message_send send = {
        .items = items,
        .count = v->count,
        .looks_up = v->looks_up,
        .max_messages = is_group ? config->topics_history_max : config->inbox_max_messages,
        .ttl_ms = is_group ? config->topics_history_ttl_ms : config->inbox_ttl_ms,
        .idempotency_window_ms = config->inbox_idempotency_window_ms,
    };
    enum err err = fill_items(items, sendings, v);

    if (!err) {
        message_send_command(pipeline_add(pipeline), config->redis_prefix, &send);
    }
    return err;
}

/* Only a messageId makes it safe to store again after a connection broke half-way. */
static bool is_repeatable(const struct queue *q)
{
    for (size_t i = 0; i < q->count; i++) {
        const struct message *m = &q->items[i]->message;

        if (m->durable && !m->message_id[0]) {
            return false;
        }
    }
    return true;
}

static void take_reply(const struct batch *b, struct sending **sendings, const struct visit *v,
    const struct redisReply *reply)
{
    const struct target *to = &sendings[0]->message.target;
    struct message_sent sent[MESSAGE_ITEMS_MAX];
    enum err err = message_send_decode(reply, clock_wall_ms(), to, v->count, sent);

    for (size_t i = 0; i < v->count; i++) {
        struct sending *s = sendings[i];

        if (err) {
            batch_fail(b, s, err, "");
            continue;
        }
        s->sent = sent[i];
        if (s->sent.conflict) {
            batch_fail(b, s, ERR_IDEMPOTENCY_CONFLICT, "messageId");
        }
    }
}

static void take_fate(const struct batch *b, struct sending **sendings, const struct visit *v,
    const struct pipeline *pipeline, size_t place)
{
    enum err err = pipeline->fates[place].err;

    for (size_t i = 0; err && i < v->count; i++) {
        batch_fail(b, sendings[i], err, "");
    }
    if (!err) {
        take_reply(b, sendings, v, pipeline->replies[place]);
    }
}

static enum err store_and_find(struct worker *w, const struct batch *b, const struct queue *q)
{
    struct pipeline pipeline;
    enum err err = pipeline_init(&pipeline, q->visit_count);

    if (err) {
        return err;
    }
    for (size_t i = 0; !err && i < q->visit_count; i++) {
        const struct visit *v = &q->visits[i];

        err = add_command(&pipeline, w->service->config, &q->items[v->first], v);
    }
    if (!err) {
        pipeline_run_each(&pipeline, w->redis, is_repeatable(q));
    }
    for (size_t i = 0; !err && i < q->visit_count; i++) {
        const struct visit *v = &q->visits[i];

        take_fate(b, &q->items[v->first], v, &pipeline, i);
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

/* Was it sent before, and is not stored (any more)? Then it goes to nobody. */
static bool is_over(const struct sending *s)
{
    return s->sent.duplicate && !s->sent.stored;
}

/* The user's sessions that are meant. */
static void select_sessions(struct sending *s, const struct message_sent *user)
{
    enum delivery_status status = is_over(s) ? DELIVERY_PASSED : DELIVERY_UNREACHABLE;
    const struct message *m = &s->message;

    for (size_t i = 0; i < user->entry_count; i++) {
        const struct registry_entry *entry = &user->entries[i];

        if (target_matches(&m->target, &entry->address, entry->session_id) &&
            !is_excluded(m, entry->session_id)) {
            s->deliveries[s->delivery_count++] = (struct delivery){entry, status, -1, s, NULL};
        }
    }
}

/* All nodes that have members, as far as Redis knows: they know whom the message excepts. */
static void select_nodes(
    struct sending *s, const struct message_sent *group, struct envelope_counts **counts)
{
    for (size_t i = 0; i < group->entry_count && !is_over(s); i++) {
        s->deliveries[s->delivery_count++] =
            (struct delivery){&group->entries[i], DELIVERY_UNREACHABLE, -1, s, (*counts)++};
    }
}

static void select_deliveries(struct batch *b, struct sending *s, const struct message_sent *found,
    struct envelope_counts **counts)
{
    s->deliveries = &b->deliveries[b->delivery_count];
    if (s->message.target.group[0]) {
        select_nodes(s, found, counts);
    } else {
        select_sessions(s, found);
    }
    b->delivery_count += s->delivery_count;
}

/* Room for as many deliveries as there can be. */
static enum err make_room(struct batch *b, const struct queue *q)
{
    size_t deliveries = 0;
    size_t nodes = 0;

    for (size_t first = 0, n; first < q->count; first += n) {
        n = run_length(q, first);
        const struct sending *last = q->items[first + n - 1];

        deliveries += n * last->sent.entry_count;
        nodes += last->message.target.group[0] ? n * last->sent.entry_count : 0;
    }
    b->deliveries = calloc(deliveries + 1, sizeof(*b->deliveries));
    b->counts = calloc(nodes + 1, sizeof(*b->counts));
    return b->deliveries && b->counts ? ERR_OK : ERR_NO_MEMORY;
}

/* Only the last of its messages tells whom a user or a group has; whatever else it met. */
static bool was_looked_up(const struct sending *last)
{
    return !last->problem.err || last->sent.conflict || last->sent.stored;
}

/* What is not stored, and for nobody knows whom, is lost. */
static void fail_lost(const struct batch *b, struct sending *s, const struct sending *last)
{
    if (!s->problem.err && !s->sent.stored && !is_over(s) && !was_looked_up(last)) {
        batch_fail(b, s, last->problem.err, "");
    }
}

static enum err select_all(struct batch *b, const struct queue *q)
{
    enum err err = make_room(b, q);

    if (err) {
        return err;
    }
    struct envelope_counts *counts = b->counts;
    for (size_t first = 0; first < q->count;) {
        size_t end = first + run_length(q, first);

        for (; first < end; first++) {
            fail_lost(b, q->items[first], q->items[end - 1]);
            if (!q->items[first]->problem.err) {
                select_deliveries(b, q->items[first], &q->items[end - 1]->sent, &counts);
            }
        }
    }
    return ERR_OK;
}

enum err lookup_send(struct worker *w, struct batch *b)
{
    struct queue queue;
    enum err err = queue_init(&queue, b);

    if (err) {
        return err;
    }
    err = store_and_find(w, b, &queue);
    if (!err && w->service->config->redis_wait_replicas > 0) {
        err = replicas_await(w, b);
    }
    if (!err) {
        err = select_all(b, &queue);
    }
    if (!err) {
        ghosts_mark(w, b->deliveries, b->delivery_count);
    }
    queue_finish(&queue);
    return err;
}
