/*
 * What is to be done with the calls of a pipeline is redis_sync.c's matter.
 */
#include "shared/redis_calls.h"

bool redis_call_is_open(const struct redis_call *call)
{
    return !call->reply && !call->err;
}

bool redis_calls_any_open(const struct redis_call *calls, size_t count, int place)
{
    for (size_t i = 0; i < count; i++) {
        if (calls[i].place == place && redis_call_is_open(&calls[i])) {
            return true;
        }
    }
    return false;
}

void redis_calls_give_up(struct redis_call *calls, size_t count, int place, enum err err)
{
    for (size_t i = 0; i < count; i++) {
        if (redis_call_is_open(&calls[i]) &&
            (place == REDIS_EVERY_PLACE || calls[i].place == place)) {
            calls[i].err = err;
        }
    }
}

void redis_calls_lead_scripts(struct redis_call *calls, size_t count)
{
    struct redis_call *first[REDIS_MASTERS_MAX] = {NULL};

    for (struct redis_call *call = calls; call < calls + count; call++) {
        if (!call->command->script || !redis_call_is_open(call)) {
            continue;
        }
        struct redis_call **leader = &first[call->place];
        if (!*leader || (*leader)->command->script != call->command->script) {
            *leader = call;
        } else {
            (*leader)->as_eval = true;
        }
    }
}

enum err redis_commands_err(const struct command *commands, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum err err = command_err(&commands[i]);

        if (err) {
            return err;
        }
    }
    return ERR_OK;
}
