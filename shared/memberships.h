/*
 * Topics that the backend subscribed a user's sessions to, those that come later too. Commands as
 * data, and the decoding of their replies. Scripts: lua/subscribe.lua; open.lua and refresh.lua
 * tell sessions. Conventions as in registry.h.
 *
 * A hash: "<narrowing> <topic>" -> "1", and "version" -> a number that grows with each change.
 */
#ifndef SHARED_MEMBERSHIPS_H
#define SHARED_MEMBERSHIPS_H

#include "shared/command.h"
#include "shared/target.h"

struct redisReply;
struct registry_entry;

struct membership {
    char narrowing[NARROWING_BYTES]; /* "*" "pc" "pc:home" */
    char topic[ADDRESS_PART_BYTES_MAX + 1];
};
struct memberships {
    int64_t version;          /* 0: there never was one, or Redis lost it */
    struct membership *items; /* owned */
    size_t count;
};
void memberships_finish(struct memberships *m);
/* HGETALL, and its reply. Fields that are none of ours are left out. */
void memberships_command(struct command *c, const char *prefix, const char *user_id);
enum err memberships_decode(const struct redisReply *reply, struct memberships *out) MUST_CHECK;
/* Is it for a session at this address? */
bool membership_is_for(const struct membership *m, const struct address *a);

/* Topics of one call of POST /subscribe. */
#define MEMBERSHIP_TOPICS_MAX 100
struct memberships_change {
    struct target target; /* a user, perhaps narrowed */
    bool adds;            /* else it removes */
    char topics[MEMBERSHIP_TOPICS_MAX][ADDRESS_PART_BYTES_MAX + 1];
    size_t count;
};
/* max: most that the user may have. */
void memberships_change_command(
    struct command *c, const char *prefix, const struct memberships_change *change, int64_t max);
struct memberships_changed {
    bool too_many; /* nothing was changed */
    int64_t changed;
    int64_t total;
    struct registry_entry
        *sessions; /* owned: free(); the user's, unless there are too many topics */
    size_t session_count;
};
enum err memberships_change_decode(const struct redisReply *reply, int64_t now_wall_ms,
    struct memberships_changed *out) MUST_CHECK;

#endif
