/*
 * Redis' replies about topics, memberships, attendance and revocations, in any shape.
 */
#include "shared/topics.h"

#include <hiredis/hiredis.h>

#include "shared/attendance.h"
#include "shared/memberships.h"
#include "shared/message_send.h"
#include "shared/revocation.h"
#include "tests/fuzz/fuzz.h"

#define NOW_MS 1000

static void check_sent(const redisReply *reply)
{
    const struct target group = {.group = "t"};
    struct message_sent sent;

    if (message_send_decode(reply, NOW_MS, &group, 1, &sent) == ERR_OK) {
        for (size_t i = 0; i < sent.entry_count; i++) {
            assert(*sent.entries[i].node_id && *sent.entries[i].addr && *sent.entries[i].boot);
        }
        message_sent_finish(&sent);
    }
}

static void check_joined(const redisReply *reply)
{
    struct registry_entry *nodes;
    struct topics_joined joined;
    int64_t at_ms;
    size_t count;

    if (topics_join_decode(reply, &joined) == ERR_OK && joined.order.at_ms != 0) {
        assert(dismissal_is_code(joined.order.how.code));
        assert(json_utf8_valid(joined.order.how.reason, strlen(joined.order.how.reason)));
    }
    if (topics_dismiss_decode(reply, NOW_MS, &at_ms, &nodes, &count) == ERR_OK) {
        free(nodes);
    }
}

static void check_fetched(const redisReply *reply)
{
    struct topics_fetched fetched;
    size_t bytes = 0;

    if (topics_fetch_decode(reply, &fetched) == ERR_OK) {
        for (size_t i = 0; i < fetched.page.count; i++) {
            struct slice payload = fetched.page.entries[i].payload;
            bytes += payload.len + (payload.len > 0 ? (size_t)(payload.at[0] & 1) : 0);
        }
        assert(bytes < SIZE_MAX);
        inbox_page_finish(&fetched.page);
    }
}

static void check_memberships(const redisReply *reply)
{
    struct memberships m;
    struct memberships_changed changed;

    if (memberships_decode(reply, &m) == ERR_OK) {
        for (size_t i = 0; i < m.count; i++) {
            assert(strlen(m.items[i].narrowing) < sizeof(m.items[i].narrowing));
            assert(address_check_topic(slice_of(m.items[i].topic), "", NULL) == ERR_OK);
        }
        memberships_finish(&m);
    }
    if (memberships_change_decode(reply, NOW_MS, &changed) == ERR_OK) {
        free(changed.sessions);
    }
}

static void check_revoked(const redisReply *reply)
{
    struct revocation_done done;

    if (revocation_decode(reply, NOW_MS, &done) == ERR_OK) {
        for (size_t i = 0; i < done.entry_count; i++) {
            assert(id_is_session(slice_of(done.entries[i].session_id)));
        }
        free(done.entries);
    }
}

static void check_attendance(const redisReply *reply)
{
    struct attendance_list list;
    struct attendance_news news;
    struct attendance_places places;

    if (attendance_list_decode(reply, &list) == ERR_OK) {
        for (size_t i = 0; i < list.name_count; i++) {
            assert(json_utf8_valid(list.names[i], strlen(list.names[i])));
        }
        free(list.names);
    }
    if (attendance_news_decode(reply, &news) == ERR_OK) {
        for (size_t i = 0; i < news.count; i++) {
            assert(*news.changes[i].group && *news.changes[i].user_id);
        }
        free(news.changes);
    }
    if (attendance_places_decode(reply, &places) == ERR_OK) {
        for (size_t i = 0; i < places.count; i++) {
            assert(
                strlen(places.items[i].session_id) < SESSION_ID_BYTES && *places.items[i].user_id);
            assert(places.items[i].group[-1] == ' ');
        }
        free(places.items);
    }
}

void fuzz(struct slice input)
{
    redisReply *reply = fuzz_reply(input);

    if (reply) {
        check_sent(reply);
        check_joined(reply);
        check_fetched(reply);
        check_memberships(reply);
        check_revoked(reply);
        check_attendance(reply);
        freeReplyObject(reply);
    }
}
