/*
 * WAIT counts the replicas that have all that its connection has written to that master so far. A
 * retry has written nothing, and the connection that stored a message may have been another one: so
 * a write goes before it. It may even have led to another master: so the entry must be there. What
 * a cluster redirects meanwhile runs after the WAIT of the others, and what it has moved since is
 * on another master than that: both are asked for again alone.
 */
#include "fcgi-send/replicas.h"

#include <stdlib.h>

#include "fcgi-send/pipeline.h"
#include "shared/history.h"
#include "shared/schema.h"
#include "shared/topics.h"

/* A message that is to be confirmed, and where in the pipeline that is asked. */
struct asked {
    struct sending *sending; /* borrowed */
    int place;               /* the master that has it, as far as is known */
    size_t touch;            /* the first of touch_count commands */
    size_t touch_count;
    size_t wait; /* shared by all at one place */
    size_t entry;
};

/* Commands of add_touches(), at most. */
#define TOUCHES_MAX 2

static void touch_read(struct command *c, const struct config *config, const struct target *t)
{
    command_add_str(c, "PEXPIRE");
    schema_add_read(c, config->redis_prefix, t->user_id);
    command_add_int(c, config->inbox_ttl_ms);
}

static void touch_entries(struct command *c, const struct config *config, const struct target *t)
{
    if (t->group[0]) {
        topics_touch_command(c, config->redis_prefix, t->group, config->topics_history_ttl_ms);
        return;
    }
    command_add_str(c, "PEXPIRE");
    schema_add_inbox(c, config->redis_prefix, t->user_id);
    command_add_int(c, config->inbox_ttl_ms);
}

/* Keeps it a little longer, and so writes something; the cursors must not go before the inbox. */
static void add_touches(struct pipeline *pipeline, const struct config *config, struct asked *a)
{
    const struct target *target = &a->sending->message.target;

    a->touch = pipeline->count;
    if (!target->group[0]) {
        touch_read(pipeline_add(pipeline), config, target);
    }
    touch_entries(pipeline_add(pipeline), config, target);
    a->touch_count = pipeline->count - a->touch;
}

static void add_entry(struct pipeline *pipeline, const struct config *config, struct asked *a)
{
    const struct target *target = &a->sending->message.target;
    struct command *command = pipeline_add(pipeline);

    a->entry = pipeline->count - 1;
    if (target->group[0]) {
        topics_entry_command(command, config->redis_prefix, target->group, a->sending->sent.id);
    } else {
        history_entry_command(command, config->redis_prefix, target->user_id, a->sending->sent.id);
    }
}

static int place_of(const struct worker *w, const struct sending *s)
{
    struct command command;

    command_init(&command);
    touch_entries(&command, w->service->config, &s->message.target);
    int place = redis_sync_place(w->redis, &command);
    command_finish(&command);
    return place;
}

static int compare_by_place(const void *left, const void *right)
{
    const struct asked *a = left;
    const struct asked *b = right;

    return a->place != b->place ? (a->place > b->place) - (a->place < b->place)
                                : (a->sending > b->sending) - (a->sending < b->sending);
}

static size_t list_stored(const struct worker *w, const struct batch *b, struct asked *list)
{
    size_t count = 0;

    for (size_t i = 0; i < b->count; i++) {
        struct sending *s = &b->sendings[i];

        if (!s->problem.err && s->sent.stored) {
            list[count++] = (struct asked){.sending = s, .place = place_of(w, s)};
        }
    }
    qsort(list, count, sizeof(*list), compare_by_place);
    return count;
}

/* Writes, waits, and looks whether it is there, for all that are at one place. */
static void ask_place(
    struct pipeline *pipeline, const struct config *config, struct asked *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add_touches(pipeline, config, &list[i]);
    }
    size_t wait = pipeline->count;
    pipeline_add_wait(pipeline, config);
    for (size_t i = 0; i < count; i++) {
        list[i].wait = wait;
        add_entry(pipeline, config, &list[i]);
    }
}

static void ask(
    struct pipeline *pipeline, const struct config *config, struct asked *list, size_t count)
{
    for (size_t first = 0, n; first < count; first += n) {
        n = 1;
        while (first + n < count && list[first + n].place == list[first].place) {
            n++;
        }
        ask_place(pipeline, config, &list[first], n);
    }
}

static bool is_in_order_at(const struct redis_fate *fate, int place)
{
    return !fate->late && fate->place == place;
}

/* Did its commands run as they were given, and where the WAIT did? */
static bool is_as_asked(const struct pipeline *p, const struct asked *a)
{
    int place = p->fates[a->wait].place;
    bool is = !p->fates[a->wait].late && is_in_order_at(&p->fates[a->entry], place);

    for (size_t i = 0; i < a->touch_count; i++) {
        is = is && is_in_order_at(&p->fates[a->touch + i], place);
    }
    return is;
}

/* A master that was lost or deposed meanwhile has confirmed nothing. Its own error would tell that
 * nothing was stored, and it was. */
static enum err unconfirmed(enum err err)
{
    return err == ERR_REDIS_DOWN || err == ERR_REDIS_REFUSED ? ERR_TOO_FEW_REPLICAS : err;
}

static enum err read_answers(const struct pipeline *p, const struct asked *a, int64_t wanted)
{
    /* Of one touch or two: the last one is there in any case. */
    const size_t commands[] = {a->touch, a->touch + a->touch_count - 1, a->wait, a->entry};
    int64_t confirmed = 0;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (p->fates[commands[i]].err) {
            return unconfirmed(p->fates[commands[i]].err);
        }
    }
    enum err err = redis_reply_int(p->replies[a->wait], &confirmed);
    struct reply_reader entry = reply_reader_of(p->replies[a->entry]);
    if (!err && (confirmed < wanted || reply_length(&entry) == 0)) {
        return ERR_TOO_FEW_REPLICAS;
    }
    return err;
}

/* Asks for all that are listed, and leaves in the list those that are to be asked for again. */
static enum err confirm(struct worker *w, struct batch *b, struct asked *list, size_t *count)
{
    const struct config *config = w->service->config;
    size_t again = 0;
    struct pipeline pipeline;
    enum err err = pipeline_init(&pipeline, *count * (TOUCHES_MAX + 2));

    if (err) {
        return err;
    }
    ask(&pipeline, config, list, *count);
    pipeline_run_each(&pipeline, w->redis, true);
    for (size_t i = 0; i < *count; i++) {
        /* What is asked for alone runs in its order, wherever it is redirected to. */
        if (*count > 1 && !is_as_asked(&pipeline, &list[i])) {
            list[again++] = list[i];
            continue;
        }
        err = read_answers(&pipeline, &list[i], config->redis_wait_replicas);
        if (err) {
            batch_fail(b, list[i].sending, err, "");
        }
    }
    pipeline_finish(&pipeline);
    *count = again;
    return ERR_OK;
}

enum err replicas_await(struct worker *w, struct batch *b)
{
    struct asked *list = calloc(b->count, sizeof(*list));
    enum err err = list ? ERR_OK : ERR_NO_MEMORY;

    if (err) {
        return err;
    }
    size_t count = list_stored(w, b, list);
    err = confirm(w, b, list, &count);
    for (size_t i = 0; !err && i < count; i++) {
        size_t alone = 1;

        err = confirm(w, b, &list[i], &alone);
    }
    free(list);
    return err;
}
