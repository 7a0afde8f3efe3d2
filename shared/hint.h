/*
 * Hints on the control channel of a node: PUBLISH "<hint> <subject>". Nothing depends on their
 * arrival.
 */
#ifndef SHARED_HINT_H
#define SHARED_HINT_H

#include "shared/command.h"

enum hint { HINT_RESYNC, HINT_NOTIFY, HINT_REPLACED, HINT_CLOSE, HINT_TOPICS, HINT_GROUP };

/* subject: the userId (resync, close, topics), the sessionId (notify, replaced) or the group
 * (group). */
void hint_command(struct command *c, const char *prefix, const char *node_id, enum hint hint,
    const char *subject);
/* ERR_BAD_VALUE. subject is borrowed from message. */
enum err hint_decode(struct slice message, enum hint *hint, struct slice *subject) MUST_CHECK;

#endif
