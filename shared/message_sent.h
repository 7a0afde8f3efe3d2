/*
 * What Redis says of a message that is being sent: the reply of lua/send.lua (inbox.h) and of
 * lua/topic_send.lua (topics.h).
 */
#ifndef SHARED_MESSAGE_SENT_H
#define SHARED_MESSAGE_SENT_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/id.h"
#include "shared/registry_entry.h"

struct message_sent {
    bool conflict;  /* messageId was used with another payload: nothing was stored */
    bool duplicate; /* a retry */
    bool stored;    /* id and prev_id are valid */
    struct message_id id;
    struct message_id prev_id;
    /* Owned; the user's sessions, or the group's nodes, but for those past `until`. None where they
     * were not asked for. */
    struct registry_entry *entries;
    size_t entry_count;
};
void message_sent_finish(struct message_sent *s); /* fine if it is zero */

#endif
