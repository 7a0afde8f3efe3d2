/*
 * Redis' replies to the registry's commands, in any shape.
 */
#include "shared/hint.h"
#include "shared/registry.h"

#include <hiredis/hiredis.h>

#include "tests/fuzz/fuzz.h"

static void check_entry(const struct registry_entry *e)
{
    assert(id_is_session(slice_of(e->session_id)));
    assert(*e->address.user_id && *e->addr && *e->node_id && *e->boot);
}

static void check_opened(const redisReply *reply)
{
    struct registry_opened opened;

    if (registry_open_decode(reply, &opened) == ERR_OK) {
        for (size_t i = 0; i < opened.duplicate_count; i++) {
            assert(id_is_session(slice_of(opened.duplicates[i].session_id)));
        }
        registry_opened_finish(&opened);
    }
}

static void check_lookup(const redisReply *reply)
{
    struct registry_entry *entries;
    size_t count;

    if (registry_entries_decode(reply, 1000, &entries, &count) == ERR_OK) {
        for (size_t i = 0; i < count; i++) {
            check_entry(&entries[i]);
            assert(entries[i].until_ms >= 1000);
        }
        free(entries);
    }
}

static void check_hint(struct slice message)
{
    struct slice subject;
    enum hint hint;

    if (hint_decode(message, &hint, &subject) == ERR_OK) {
        assert(hint <= HINT_GROUP && fuzz_is_within(subject, message));
    }
}

void fuzz(struct slice input)
{
    struct registry_refreshed refreshed;
    redisReply *reply = fuzz_reply(input);

    check_hint(input);
    if (!reply) {
        return;
    }
    check_opened(reply);
    check_lookup(reply);
    (void)!registry_refresh_decode(reply, &refreshed);
    freeReplyObject(reply);
}
