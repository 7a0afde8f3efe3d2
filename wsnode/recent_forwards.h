/*
 * Forwards of non-durable messages that came lately, by forward id, with what was answered: libcurl
 * may repeat a POST whose kept connection died, and the repetition must not deliver again. (Durable
 * messages need no such memory: their ids tell.) Bounded in number and in age.
 */
#ifndef WSNODE_RECENT_FORWARDS_H
#define WSNODE_RECENT_FORWARDS_H

#include "shared/envelope.h"

struct recent_forwards;

struct recent_forwards *recent_forwards_create(void); /* NULL: no memory */
void recent_forwards_destroy(struct recent_forwards *r);

/* Remembers a copy; of a group whose sessions are not counted yet, as they are now. A forward id
 * that is known already, or "", is left as it is. Without memory it is simply not remembered. */
void recent_forwards_add(struct recent_forwards *r, const char *forward_id,
    const struct envelope_answer_message *answer, int64_t now_ms);
/* False: not remembered. place: where the session stands in the forward; looked at first. */
bool recent_forwards_find(const struct recent_forwards *r, const char *forward_id,
    const char *session_id, size_t place, enum delivery_status *out);
/* A forward to a group, by the counts of its answer. */
bool recent_forwards_find_group(
    const struct recent_forwards *r, const char *forward_id, struct envelope_counts *out);
/* Call now and then, or nothing ever gets too old. */
void recent_forwards_on_tick(struct recent_forwards *r, int64_t now_ms);

#endif
