/*
 * The inbox: a user's durable messages in Redis. Commands as data, and the decoding of their
 * replies. What puts them there is in message_send.h.
 * Scripts: lua/fetch.lua, ack.lua (and open.lua, which replays). Conventions as in registry.h.
 */
#ifndef SHARED_INBOX_H
#define SHARED_INBOX_H

#include "shared/address.h"
#include "shared/command.h"
#include "shared/id.h"

struct redisReply;
struct reply_reader;

/* Messages are read class by class: the three narrowings that a session is meant by ("*", "pc",
 * "pc:home"), and the same for messages that except sessions. */
#define INBOX_CLASSES 6
/* Read cursors of one session's classes; `filter` false: show everything. */
struct inbox_cursors {
    bool filter;
    struct message_id at[INBOX_CLASSES];
};

struct inbox_entry {
    struct message_id id;
    struct slice payload; /* borrowed from the page's bytes */
};
/* Part of an inbox, after some id: the entries that the session is to see, and how far it looked.
 */
struct inbox_page {
    struct inbox_entry *entries; /* owned */
    size_t count;
    struct message_id
        last; /* the last entry looked at, seen or not; the next page starts after it */
    bool more;
    struct message_id skipped; /* the last entry that was looked at and is not shown; {0,0}: none */
    bool excepted;             /* some of these, because they except the session */
    char *bytes;               /* owned: the payloads */
};
/* How much of an inbox a page may have: entries that it looks at, bytes of what it shows (one entry
 * fits always). */
struct inbox_limits {
    int64_t entries;
    int64_t bytes;
};
void inbox_add_limits(struct command *c, const struct inbox_limits *l);
void inbox_page_finish(struct inbox_page *p);
/* Reads {id, payload, …}, last, more, skipped, excepted from a script's reply. Anything wrong
 * breaks the reader. */
enum err inbox_page_read(struct reply_reader *r, struct inbox_page *out) MUST_CHECK;

/* What one session is to see; its strings are borrowed. */
struct inbox_fetch {
    const struct address *address;
    struct message_id after;
    struct inbox_cursors cursors;
    struct inbox_limits limits;
    const char *session_id; /* messages may except it */
    bool expects;           /* there must be something: an inbox that is gone is a gap */
    /* Not 0: the registry's expiry is set to it, so that a WAIT (for what was written before) is
     * about what was read. The reply is a TRYAGAIN where the user is not registered. */
    int64_t touch_ms;
};
void inbox_fetch_command(struct command *c, const char *prefix, const struct inbox_fetch *f);
struct inbox_fetched {
    bool gap; /* `after` is a place that the inbox no longer knows: entries may be missing */
    struct inbox_page page;
};
enum err inbox_fetch_decode(const struct redisReply *reply, struct inbox_fetched *out) MUST_CHECK;

struct inbox_ack {
    const struct address *address; /* borrowed; whose classes it is for */
    struct message_id id;
    bool was_excepted; /* the session was not shown messages that except it: those stay unread */
    int64_t ttl_ms;
};
/* Moves cursors up to id, never back. The reply is a number. */
void inbox_ack_command(struct command *c, const char *prefix, const struct inbox_ack *a);

#endif
