/*
 * The commands of one pipeline, and what has become of each: open, answered, or given up. No I/O.
 */
#ifndef SHARED_REDIS_CALLS_H
#define SHARED_REDIS_CALLS_H

#include "shared/redis_link.h"

#define REDIS_EVERY_PLACE (-1)

/* Neither answered nor given up. */
bool redis_call_is_open(const struct redis_call *call);
bool redis_calls_any_open(const struct redis_call *calls, size_t count, int place);
/* The open calls of that place will have no reply, because of err. */
void redis_calls_give_up(struct redis_call *calls, size_t count, int place, enum err err);
/*
 * The first of several calls of one script at a place carries its text. Else a server that does not
 * know the script, and learns it from somebody else meanwhile, would run the last ones first.
 */
void redis_calls_lead_scripts(struct redis_call *calls, size_t count);

/* The first error of a command; ERR_OK: all may be sent. */
enum err redis_commands_err(const struct command *commands, size_t count) MUST_CHECK;

#endif
