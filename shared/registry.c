/*
 * The registry's commands and the decoding of their replies. What must be atomic is in the scripts
 * (lua/); nothing here talks to Redis.
 */
#include "shared/registry.h"

#include <stdlib.h>
#include <string.h>

#include "shared/parse.h"
#include "shared/redis_reply.h"
#include "shared/schema.h"

static const char *const mode_words[] = {"allow", "notify", "replace", "reject"};

/* Of refresh. */
enum { ANSWER_OK, ANSWER_REPLACED, ANSWER_REVOKED };

static void add_token(struct command *c, const struct registry_token *token)
{
    command_add_str(c, token ? token->id : "");
    if (token) {
        command_add_int(c, token->issued_ms);
    } else {
        command_add_str(c, "");
    }
}

static enum err read_reason(struct reply_reader *r, char out[static CLOSE_REASON_BYTES_MAX + 1])
{
    struct slice reason = reply_next_text(r);

    if (reply_reader_err(r) || reason.len > CLOSE_REASON_BYTES_MAX) {
        return ERR_INTERNAL;
    }
    memcpy(out, reason.at, reason.len);
    out[reason.len] = '\0';
    return ERR_OK;
}

void registry_open_command(struct command *c, const char *prefix, const struct registry_open *o)
{
    const struct registry_entry *e = o->entry;
    char key[ADDRESS_KEY_BYTES];

    command_start_script(c, &script_open, 5);
    schema_add_registry(c, prefix, e->address.user_id);
    schema_add_inbox(c, prefix, e->address.user_id);
    schema_add_read(c, prefix, e->address.user_id);
    schema_add_revoked(c, prefix, e->address.user_id);
    schema_add_memberships(c, prefix, e->address.user_id);
    command_add_str(c, e->session_id);
    registry_entry_encode(e, command_begin(c));
    command_end(c);
    command_add_int(c, o->ttl_ms);
    command_add_str(c, address_format_key(&e->address, key));
    command_add_str(c, mode_words[o->mode]);
    buf_addf(command_begin(c), "%s %s\n%s", e->node_id, e->boot, o->alive);
    command_end(c);
    command_add_str(c, e->address.server_client);
    command_add_str(c, o->last_id);
    inbox_add_limits(c, &o->limits);
    command_add_int(c, o->max_of_user);
    command_add_int(c, o->max_of_key);
    add_token(c, o->token);
}

static struct inbox_cursors read_cursors(const struct redisReply *reply, bool *broken)
{
    struct reply_reader r = reply_reader_of(reply);
    struct inbox_cursors cursors;

    cursors.filter = reply_next_int(&r) != 0;
    for (int i = 0; i < INBOX_CLASSES; i++) {
        cursors.at[i] = reply_next_id(&r);
    }
    *broken |= r.broken;
    return cursors;
}

enum err registry_open_decode(const struct redisReply *reply, struct registry_opened *out)
{
    struct reply_reader r = reply_reader_of(reply);
    struct registry_opened opened = {0};
    enum err err;

    int64_t verdict = reply_next_int(&r);
    if (verdict < 0 || verdict >= REGISTRY_VERDICT_COUNT) {
        return ERR_INTERNAL;
    }
    opened.verdict = (enum registry_verdict)verdict;
    if (opened.verdict == REGISTRY_REVOKED) {
        err = read_reason(&r, opened.reason);
        if (!err) {
            *out = opened;
        }
        return err;
    }
    /* The script has left out what is past `until`. */
    err = registry_entries_decode(reply_next(&r), 0, &opened.duplicates, &opened.duplicate_count);
    if (err) {
        return err;
    }
    opened.position = reply_next_id(&r);
    opened.recovered = reply_next_int(&r) != 0;
    opened.unread = reply_next_int(&r);
    opened.missed = reply_next_int(&r);
    opened.start = reply_next_id(&r);
    opened.cursors = read_cursors(reply_next(&r), &r.broken);
    err = inbox_page_read(&r, &opened.page);
    if (err) {
        free(opened.duplicates);
        return err;
    }
    err = memberships_decode(reply_next(&r), &opened.memberships);
    if (err) {
        inbox_page_finish(&opened.page);
        free(opened.duplicates);
        return err;
    }
    *out = opened;
    return ERR_OK;
}

void registry_opened_finish(struct registry_opened *o)
{
    free(o->duplicates);
    inbox_page_finish(&o->page);
    memberships_finish(&o->memberships);
}

void registry_refresh_command(struct command *c, const char *prefix,
    const struct registry_entry *entry, int64_t ttl_ms, enum on_duplicate_mode mode,
    const struct registry_token *token)
{
    command_start_script(c, &script_refresh, 5);
    schema_add_registry(c, prefix, entry->address.user_id);
    schema_add_inbox(c, prefix, entry->address.user_id);
    schema_add_close(c, prefix, entry->address.user_id);
    schema_add_revoked(c, prefix, entry->address.user_id);
    schema_add_memberships(c, prefix, entry->address.user_id);
    command_add_str(c, entry->session_id);
    registry_entry_encode(entry, command_begin(c));
    command_end(c);
    command_add_int(c, ttl_ms);
    command_add_str(c, mode_words[mode]);
    add_token(c, token);
}

static struct dismissal read_dismissal(struct reply_reader *r)
{
    struct dismissal dismissal = {.code = 0};
    int64_t code = reply_next_int(r);
    struct slice reason = reply_next_text(r);

    bool is_order = !r->broken && dismissal_read(code, reason, &dismissal);
    (void)is_order; /* else it stays without a code */
    return dismissal;
}

enum err registry_refresh_decode(const struct redisReply *reply, struct registry_refreshed *out)
{
    struct reply_reader r = reply_reader_of(reply);
    struct registry_refreshed refreshed = {.replaced = false};
    int64_t answer = reply_next_int(&r);

    refreshed.replaced = answer == ANSWER_REPLACED;
    refreshed.revoked = answer == ANSWER_REVOKED;
    if (refreshed.revoked) {
        enum err err = read_reason(&r, refreshed.reason);
        if (!err) {
            *out = refreshed;
        }
        return err;
    }
    refreshed.position = reply_next_id(&r);
    refreshed.dismissal = read_dismissal(&r);
    uint64_t version = 0;
    enum err err = parse_u64(reply_next_text(&r), INT64_MAX, &version);
    if (err || reply_reader_err(&r)) {
        return ERR_INTERNAL;
    }
    refreshed.memberships_version = (int64_t)version;
    *out = refreshed;
    return ERR_OK;
}

void registry_close_command(struct command *c, const char *prefix, const char *user_id,
    const char *session_id, const char *node_id, const char *boot)
{
    command_start_script(c, &script_close, 1);
    schema_add_registry(c, prefix, user_id);
    command_add_str(c, session_id);
    command_add_str(c, node_id);
    command_add_str(c, boot);
}

void registry_remove_ghost_command(
    struct command *c, const char *prefix, const struct registry_entry *ghost)
{
    registry_close_command(
        c, prefix, ghost->address.user_id, ghost->session_id, ghost->node_id, ghost->boot);
    command_add_int(c, ghost->until_ms);
}

void registry_lookup_command(struct command *c, const char *prefix, const char *user_id)
{
    command_add_str(c, "HGETALL");
    schema_add_registry(c, prefix, user_id);
}

void registry_dismiss_command(struct command *c, const char *prefix, const struct target *t,
    const struct dismissal *dismissal)
{
    char narrowing[NARROWING_BYTES];

    target_format_narrowing(t, narrowing, sizeof(narrowing));
    command_start_script(c, &script_dismiss, 2);
    schema_add_registry(c, prefix, t->user_id);
    schema_add_close(c, prefix, t->user_id);
    command_add_str(c, t->session_id);
    command_add_str(c, narrowing);
    command_add_int(c, dismissal->code);
    command_add_str(c, dismissal->reason);
    command_add_int(c, DISMISSAL_TTL_MS);
}
