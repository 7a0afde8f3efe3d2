/*
 * A Redis command as data: its arguments, and the script if it is a script call. Built here and in
 * registry, inbox and nodes; run by redis_sync (fcgi-send) or redis_async (wsnode), which also do
 * the NOSCRIPT fallback to EVAL.
 *
 * Scripts are shared/lua/NAME.lua, embedded at build time. A line `-- include: other.lua` puts that
 * file's text in its place.
 */
#ifndef SHARED_COMMAND_H
#define SHARED_COMMAND_H

#include <stdbool.h>

#include "shared/buf.h"
#include "shared/limits.h"

struct script {
    const char *name;
    const char *text;
    const char *sha; /* 40 hex digits, SHA-1 of text */
};
/* One per .lua file that is not only included (generated: build/…/scripts.c). */
extern const struct script script_open, script_send, script_fetch, script_refresh, script_close,
    script_ack, script_release, script_unread, script_dismiss, script_revoke, script_topic_join,
    script_topic_leave, script_topic_fetch, script_topic_dismiss, script_subscribe,
    script_queue_join, script_queue_leave, script_event_open, script_event_close, script_event_lost,
    script_event_offline, script_event_bring, script_attend, script_attend_parted,
    script_attend_list, script_attend_news;

struct command {
    const struct script *script; /* NULL: a plain command */
    struct buf text;             /* owned: all arguments, one after another */
    size_t offset[COMMAND_ARGS_MAX];
    size_t len[COMMAND_ARGS_MAX];
    int argc;
    /* It has no key and is about the command before it in the pipeline (WAIT): in a cluster it goes
     * where that one went. */
    bool follows;
};

void command_init(struct command *c);
void command_finish(struct command *c);

/* Each adds one argument. Errors stick; too many arguments is an assert. */
void command_add(struct command *c, const void *bytes, size_t len);
void command_add_str(struct command *c, const char *s);
void command_add_int(struct command *c, int64_t v);
/* One argument piece by piece: add to the buffer that command_begin() returns, then command_end().
 */
struct buf *command_begin(struct command *c);
void command_end(struct command *c);

/* Starts "EVALSHA <sha> <keys>"; the keys and arguments follow by command_add…. */
void command_start_script(struct command *c, const struct script *s, int keys);

/* ERR_OK, ERR_BODY_TOO_LARGE or ERR_NO_MEMORY: a command with an error must not be run. */
enum err command_err(const struct command *c) MUST_CHECK;

/*
 * Fills argv and lens (COMMAND_ARGS_MAX each) with borrowed pointers; as_eval: the EVAL form with
 * the script's text. Returns argc.
 */
int command_argv(const struct command *c, int as_eval, const char **argv, size_t *lens);
/* The first key, for the cluster's slot; "" for a command without one. Borrowed, no NUL at its end.
 */
struct slice command_key(const struct command *c);

#endif
