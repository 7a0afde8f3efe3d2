/*
 * The registry: which sessions a user has, and on which nodes. Commands as data, and the decoding
 * of their replies; nothing here talks to Redis. Scripts: lua/open.lua, refresh.lua, close.lua,
 * dismiss.lua.
 *
 * A …_command() fills a command that command_init() made. A …_decode() takes any reply:
 * ERR_INTERNAL if it is not as agreed, ERR_NO_MEMORY; out is written on ERR_OK only.
 */
#ifndef SHARED_REGISTRY_H
#define SHARED_REGISTRY_H

#include "shared/command.h"
#include "shared/dismissal.h"
#include "shared/id.h"
#include "shared/inbox.h"
#include "shared/memberships.h"
#include "shared/registry_entry.h"

struct redisReply;

/* As option.h's enum on_duplicate. */
enum on_duplicate_mode { REGISTRY_ALLOW, REGISTRY_NOTIFY, REGISTRY_REPLACE, REGISTRY_REJECT };

/* The token that a session was admitted with, to be compared with those that were revoked. */
struct registry_token {
    const char *id;    /* "": it has none */
    int64_t issued_ms; /* wall clock; 0: unknown, so that it counts as issued long ago */
};

struct registry_open {
    const struct registry_entry *entry;
    int64_t ttl_ms;
    enum on_duplicate_mode mode;
    const char
        *alive; /* "nodeId boot\n…" of the other live nodes; used to look at the user's others */
    const char *last_id; /* the client's, checked by message_id_parse(), or "" */
    struct inbox_limits limits;
    /* Most live sessions, this one included; 0: no limit. */
    int64_t max_of_user;
    int64_t max_of_key;
    const struct registry_token *token; /* NULL: none was asked for */
};
void registry_open_command(struct command *c, const char *prefix, const struct registry_open *o);

enum registry_verdict {
    REGISTRY_OPENED,
    /* Nothing was written: */
    REGISTRY_IS_DUPLICATE, /* mode is reject, and there is another one */
    REGISTRY_TOO_MANY_OF_USER,
    REGISTRY_TOO_MANY_OF_KEY,
    REGISTRY_REVOKED, /* the token; nothing but the reason is said */
    REGISTRY_VERDICT_COUNT
};

struct registry_opened {
    enum registry_verdict verdict;
    char reason[CLOSE_REASON_BYTES_MAX + 1]; /* if it was revoked: the caller's, or "" */
    /* Owned; older live sessions of the same key (mode allow: none are told). With replace they are
     * no longer in the registry. */
    struct registry_entry *duplicates;
    size_t duplicate_count;
    struct message_id position; /* the inbox's last id */
    struct message_id start;    /* where the replay starts; position, if there is nothing */
    /* last_id was known; or none was given, and nothing unread was trimmed. */
    bool recovered;
    int64_t unread;               /* messages for this session that nobody has read */
    int64_t missed;               /* messages that the replay will show */
    struct inbox_cursors cursors; /* the filter of further pages; none with a known last_id */
    struct inbox_page page;       /* first page of the replay */
    struct memberships memberships;
};
enum err registry_open_decode(
    const struct redisReply *reply, struct registry_opened *out) MUST_CHECK;
void registry_opened_finish(struct registry_opened *o);

/* Writes the entry (again) and tells the inbox's last id, so that a session sees what it missed. */
void registry_refresh_command(struct command *c, const char *prefix,
    const struct registry_entry *entry, int64_t ttl_ms, enum on_duplicate_mode mode,
    const struct registry_token *token);
struct registry_refreshed {
    bool revoked; /* the token; nothing was written */
    char reason[CLOSE_REASON_BYTES_MAX + 1];
    /* A newer session of the same key is there and mode is replace: nothing was written; close with
     * 4009. */
    bool replaced;
    struct message_id position;
    int64_t memberships_version;
    struct dismissal dismissal; /* code 0: none. The backend has ordered the session's end */
};
enum err registry_refresh_decode(
    const struct redisReply *reply, struct registry_refreshed *out) MUST_CHECK;

/* Removes the entry if it still carries this session, node and boot: a session's end. */
void registry_close_command(struct command *c, const char *prefix, const char *user_id,
    const char *session_id, const char *node_id, const char *boot);
/*
 * Removes a ghost that a sender met, if the entry is still as it was met: a node that was only
 * thought dead may have written it again meanwhile.
 */
void registry_remove_ghost_command(
    struct command *c, const char *prefix, const struct registry_entry *ghost);

/* HGETALL; the reply is for registry_entries_decode(). */
void registry_lookup_command(struct command *c, const char *prefix, const char *user_id);

/* Orders the end of the sessions that t means, until DISMISSAL_TTL_MS from now, and reads all of
 * the user's: registry_entries_decode(). */
void registry_dismiss_command(struct command *c, const char *prefix, const struct target *t,
    const struct dismissal *dismissal);

#endif
