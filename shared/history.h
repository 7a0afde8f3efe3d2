/*
 * Looking back into a user's inbox: commands as data, and the decoding of their replies. Nothing
 * here changes anything in Redis. Conventions as in registry.h, but what is decoded is borrowed
 * from the reply, which must outlive it.
 */
#ifndef SHARED_HISTORY_H
#define SHARED_HISTORY_H

#include "shared/command.h"
#include "shared/id.h"
#include "shared/message.h"

struct redisReply;

struct history_range {
    const char *user_id;
    struct message_id after;  /* exclusive; {0,0}: from the first entry */
    struct message_id before; /* exclusive; MESSAGE_ID_MAX: to the last entry */
    int64_t limit;
    bool newest_first;
};
struct history_entry {
    struct message_id id;
    struct slice payload;   /* a message as JSON, not checked */
    struct slice narrowing; /* "*" "pc" "pc:home" */
    int64_t expires_ms;     /* wall clock; 0: never by itself */
};

/* Nothing can be in it. Redis must not be asked: it calls some such ranges errors. */
bool history_range_is_empty(const struct history_range *r);
/* Up to limit entries of a range that is not empty. */
void history_range_command(struct command *c, const char *prefix, const struct history_range *r);
/* One entry, if it is still there: the reply is decoded as that of a range. */
void history_entry_command(
    struct command *c, const char *prefix, const char *user_id, struct message_id id);
/* *out is the caller's: free(). */
enum err history_entries_decode(
    const struct redisReply *reply, struct history_entry **out, size_t *count) MUST_CHECK;

/*
 * Can a session at t's place (its userId and sessionId are not looked at) be one that a message so
 * narrowed is for? Without a page, any page of the serverClient is meant; without both, any place.
 */
bool history_is_for(struct slice narrowing, const struct target *t);

/* How many messages that are for t's place nobody has read yet; the reply is a number. */
void history_unread_command(struct command *c, const char *prefix, const struct target *t);
enum err history_unread_decode(const struct redisReply *reply, int64_t *out) MUST_CHECK;

/* The read cursors of all narrowings that have one. */
struct history_cursor {
    struct slice narrowing;
    struct message_id id;
};
void history_cursors_command(struct command *c, const char *prefix, const char *user_id);
/* *out is the caller's: free(). */
enum err history_cursors_decode(
    const struct redisReply *reply, struct history_cursor **out, size_t *count) MUST_CHECK;

/* What is remembered of a messageId: the reply of GET, and how long still, of PTTL. */
void history_sent_command(
    struct command *c, const char *prefix, const char *user_id, const char *message_id);
void history_sent_ttl_command(
    struct command *c, const char *prefix, const char *user_id, const char *message_id);
/* *found is false for a messageId that is not (or no longer) known; id is {0,0} if the message was
 * not stored. */
enum err history_sent_decode(
    const struct redisReply *reply, bool *found, struct message_id *id) MUST_CHECK;
enum err history_sent_ttl_decode(const struct redisReply *reply, int64_t *left_ms) MUST_CHECK;

#endif
