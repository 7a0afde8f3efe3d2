/*
 * Redis' replies about the inbox, and to those who look back into it, in any shape.
 */
#include "shared/inbox.h"

#include <hiredis/hiredis.h>

#include "shared/history.h"
#include "shared/message_send.h"
#include "shared/registry.h"
#include "tests/fuzz/fuzz.h"

static void check_sent(const redisReply *reply, size_t count)
{
    const struct target user = {.user_id = "u1"};
    struct message_sent sent[2];

    if (message_send_decode(reply, 1000, &user, count, sent) == ERR_OK) {
        for (size_t i = 0; i < sent[count - 1].entry_count; i++) {
            assert(id_is_session(slice_of(sent[count - 1].entries[i].session_id)));
        }
        message_sent_finish(&sent[count - 1]);
    }
}

static void check_fetched(const redisReply *reply)
{
    struct inbox_fetched fetched;
    size_t bytes = 0;

    if (inbox_fetch_decode(reply, &fetched) == ERR_OK) {
        for (size_t i = 0; i < fetched.page.count; i++) {
            struct slice payload = fetched.page.entries[i].payload;
            bytes += payload.len + (payload.len > 0 ? (size_t)(payload.at[0] & 1) : 0);
        }
        assert(bytes < SIZE_MAX);
        inbox_page_finish(&fetched.page);
    }
}

static void check_history(const redisReply *reply)
{
    struct history_entry *entries;
    struct history_cursor *cursors;
    struct message_id id;
    int64_t number;
    size_t count;
    bool found;

    if (history_entries_decode(reply, &entries, &count) == ERR_OK) {
        free(entries);
    }
    if (history_cursors_decode(reply, &cursors, &count) == ERR_OK) {
        free(cursors);
    }
    (void)!history_unread_decode(reply, &number);
    (void)!history_sent_decode(reply, &found, &id);
    (void)!history_sent_ttl_decode(reply, &number);
}

void fuzz(struct slice input)
{
    redisReply *reply = fuzz_reply(input);

    if (reply) {
        check_sent(reply, 1);
        check_sent(reply, 2);
        check_fetched(reply);
        check_history(reply);
        freeReplyObject(reply);
    }
}
