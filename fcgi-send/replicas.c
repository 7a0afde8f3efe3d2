/*
 * WAIT counts the replicas that have all that its connection has written to that master so far. A
 * retry has written nothing, and the connection that stored a message may have been another one: so
 * a write goes before it. It may even have led to another master: so the entry must be there. What
 * a cluster redirects meanwhile runs after the WAIT of the others, and is asked for again alone.
 */
#include "fcgi-send/replicas.h"

#include <stdlib.h>

#include "fcgi-send/pipeline.h"
#include "shared/history.h"
#include "shared/schema.h"

/* A message that is to be confirmed, and where in the pipeline that is asked. */
struct asked {
    struct sending *sending; /* borrowed */
    int place;               /* the master that has it, as far as is known */
    size_t touch;            /* the first of TOUCHES commands */
    size_t wait;             /* shared by all at one place */
    size_t entry;
};

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

static int place_of(const struct worker *w, const struct sending *s)
{
    struct command command;

    command_init(&command);
    command_add_str(&command, "PEXPIRE");
    schema_add_inbox(&command, w->service->config->redis_prefix, s->message.target.user_id);
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

        if (!s->problem.err && s->sent.stored && !s->message.target.group[0]) {
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
        list[i].touch = pipeline->count;
        add_touch(pipeline, config, list[i].sending->message.target.user_id);
    }
    size_t wait = pipeline->count;
    pipeline_add_wait(pipeline, config);
    for (size_t i = 0; i < count; i++) {
        const struct sending *s = list[i].sending;

        list[i].wait = wait;
        list[i].entry = pipeline->count;
        history_entry_command(
            pipeline_add(pipeline), config->redis_prefix, s->message.target.user_id, s->sent.id);
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

/* Did its commands run in another order than they were given? */
static bool is_late(const struct pipeline *p, const struct asked *a)
{
    bool is_late = p->fates[a->wait].late || p->fates[a->entry].late;

    for (size_t i = 0; i < TOUCHES; i++) {
        is_late = is_late || p->fates[a->touch + i].late;
    }
    return is_late;
}

static enum err read_answers(const struct pipeline *p, const struct asked *a, int64_t wanted)
{
    const size_t commands[] = {a->touch, a->touch + 1, a->wait, a->entry};
    int64_t confirmed = 0;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (p->fates[commands[i]].err) {
            return p->fates[commands[i]].err;
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
    size_t late = 0;
    struct pipeline pipeline;
    enum err err = pipeline_init(&pipeline, *count * (TOUCHES + 2));

    if (err) {
        return err;
    }
    ask(&pipeline, config, list, *count);
    pipeline_run_each(&pipeline, w->redis, true);
    for (size_t i = 0; i < *count; i++) {
        /* What is asked for alone runs in its order, wherever it is redirected to. */
        if (*count > 1 && is_late(&pipeline, &list[i])) {
            list[late++] = list[i];
            continue;
        }
        err = read_answers(&pipeline, &list[i], config->redis_wait_replicas);
        if (err) {
            batch_fail(b, list[i].sending, err, "");
        }
    }
    pipeline_finish(&pipeline);
    *count = late;
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
