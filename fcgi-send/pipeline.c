/*
 * Keeps the commands of one round trip and their replies together, and frees them together.
 */
#include "fcgi-send/pipeline.h"

#include <assert.h>
#include <stdlib.h>

enum err pipeline_init(struct pipeline *p, size_t max)
{
    *p = (struct pipeline){.max = max,
        .commands = calloc(max + 1, sizeof(*p->commands)),
        .replies = calloc(max + 1, sizeof(struct redisReply *)),
        .fates = calloc(max + 1, sizeof(*p->fates))};

    if (p->commands && p->replies && p->fates) {
        return ERR_OK;
    }
    pipeline_finish(p);
    return ERR_NO_MEMORY;
}

void pipeline_finish(struct pipeline *p)
{
    if (p->replies) {
        redis_sync_free_replies(p->replies, p->count);
    }
    for (size_t i = 0; i < p->count; i++) {
        command_finish(&p->commands[i]);
    }
    free(p->commands);
    free(p->replies);
    free(p->fates);
}

struct command *pipeline_add(struct pipeline *p)
{
    struct command *command = &p->commands[p->count];

    assert(p->count < p->max);
    p->count++;
    command_init(command);
    return command;
}

void pipeline_add_wait(struct pipeline *p, const struct config *config)
{
    struct command *command = pipeline_add(p);

    command->follows = true;
    command_add_str(command, "WAIT");
    command_add_int(command, config->redis_wait_replicas);
    /* The answer is to come before the pipeline's own time is up. */
    command_add_int(command, config->redis_command_timeout_ms * 3 / 4);
}

enum err pipeline_run(struct pipeline *p, struct redis_sync *redis, bool repeatable)
{
    if (p->count == 0) {
        return ERR_OK;
    }
    return redis_sync_run(redis, p->commands, p->count, repeatable, p->replies);
}

void pipeline_run_each(struct pipeline *p, struct redis_sync *redis, bool repeatable)
{
    if (p->count > 0) {
        redis_sync_run_each(redis, p->commands, p->count, repeatable, p->replies, p->fates);
    }
}
