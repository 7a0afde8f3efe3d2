/* The inbox on a real Redis: what is kept, what is replayed to whom, and what a retry does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "tests/unit/domain.h"

#define TO_ALICE "\"userId\":\"alice\""

/* What a session that opens now is shown, as "payload,payload,…"; the payloads are {"json":…}. */
static const char *shown(const struct inbox_page *page)
{
    static char text[512];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < page->count; i++) {
        struct slice p = page->entries[i].payload;

        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.*s", i ? "," : "",
            (int)(p.len - strlen("{\"json\":}")), p.at + strlen("{\"json\":"));
    }
    return text;
}

static void expect_unread(const char *key, const char *last_id, const char *expected)
{
    struct registry_entry e = session_at("reader", key);
    struct registry_opened opened = open_session(&e, last_id);

    assert_true(opened.recovered);
    assert_string_equal(shown(&opened.page), expected);
    assert_int_equal(opened.missed, opened.page.count);
    registry_opened_finish(&opened);
}

static void send_appends_and_chains_previous_ids(void **state)
{
    struct message_sent first = send_json("{" TO_ALICE ",\"json\":1}");
    struct message_sent second = send_json("{" TO_ALICE ",\"json\":2}");

    (void)state;
    assert_true(first.stored && second.stored);
    assert_false(first.duplicate || first.conflict);
    assert_true(message_id_is_zero(first.prev_id));
    assert_id_equal(second.prev_id, first.id);
    assert_true(message_id_compare(second.id, first.id) > 0);
    assert_int_equal(redis_server_ask_int(&server, "XLEN %s", PREFIX "{alice}:inbox"), 2);
    message_sent_finish(&first);
    message_sent_finish(&second);
}

static void send_tells_the_sessions(void **state)
{
    struct registry_entry desk = session_at("desk", "pc:home:alice");
    struct registry_entry phone = session_at("phone", "app:home:alice");
    struct message_sent sent;

    (void)state;
    enter(&desk);
    enter(&phone);
    sent = send_json("{" TO_ALICE ",\"json\":1}");
    assert_int_equal(sent.entry_count, 2);
    assert_string_equal(sent.entries[0].addr, "127.0.0.1:31882");
    message_sent_finish(&sent);
}

static void send_that_is_not_durable_is_not_stored(void **state)
{
    struct message_sent sent = send_json("{" TO_ALICE ",\"json\":1,\"durable\":false}");

    (void)state;
    assert_false(sent.stored);
    assert_int_equal(redis_server_ask_int(&server, "EXISTS %s", PREFIX "{alice}:inbox"), 0);
    message_sent_finish(&sent);
}

static void inbox_expires_and_keeps_cursors_as_long(void **state)
{
    (void)state;
    ack("pc:home:alice", send_and_forget("{" TO_ALICE ",\"json\":1}"));
    redis_server_do(&server, "PEXPIRE %s 1000", PREFIX "{alice}:read");
    redis_server_do(&server, "PEXPIRE %s 1000", PREFIX "{alice}:inbox");
    send_and_forget("{" TO_ALICE ",\"json\":2}");
    assert_true(redis_server_ask_int(&server, "PTTL %s", PREFIX "{alice}:inbox") > 590000);
    assert_true(redis_server_ask_int(&server, "PTTL %s", PREFIX "{alice}:read") > 590000);
}

static void inbox_is_trimmed_at_its_limit_exactly(void **state)
{
    (void)state;
    for (int i = 1; i <= 4; i++) {
        char json[64];
        struct message_sent sent;

        snprintf(json, sizeof(json), "{" TO_ALICE ",\"json\":%d}", i);
        sent = send_json_to_inbox_of(json, 3);
        message_sent_finish(&sent);
        assert_int_equal(
            redis_server_ask_int(&server, "XLEN %s", PREFIX "{alice}:inbox"), i < 3 ? i : 3);
    }
    struct registry_entry e = session_at("reader", "pc:home:alice");
    struct registry_opened opened = open_session(&e, "");
    assert_string_equal(shown(&opened.page), "2,3,4");
    registry_opened_finish(&opened);
}

static void narrowed_messages_reach_only_whom_they_are_for(void **state)
{
    (void)state;
    send_and_forget("{" TO_ALICE ",\"json\":1}");
    send_and_forget("{" TO_ALICE ",\"serverClient\":\"pc\",\"json\":2}");
    send_and_forget("{" TO_ALICE ",\"serverClient\":\"pc\",\"page\":\"home\",\"json\":3}");
    send_and_forget("{\"key\":\"app:home:alice\",\"json\":4}");
    expect_unread("pc:home:alice", "", "1,2,3");
    expect_unread("pc:shop:alice", "", "1,2");
    expect_unread("app:home:alice", "", "1,4");
    expect_unread("app:shop:alice", "", "1");
    expect_unread("pc:home:bob", "", "");
}

static void message_past_its_ttl_is_not_replayed(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:alice");
    struct registry_opened opened;
    struct inbox_fetched fetched;

    (void)state;
    send_and_forget("{" TO_ALICE ",\"json\":1}");
    /* An entry as send.lua writes it, but with an expiry that has come. */
    redis_server_do(&server, "XADD %s * m %s x 1000", PREFIX "{alice}:inbox", "{\"json\":2}");
    send_and_forget("{" TO_ALICE ",\"json\":3,\"ttl\":60}");
    opened = open_session(&e, "");
    assert_string_equal(shown(&opened.page), "1,3");
    assert_int_equal(opened.unread, 2);
    registry_opened_finish(&opened);
    fetched = fetch(&(struct inbox_fetch){
        .address = &e.address, .limits = {100, 1 << 20}, .session_id = e.session_id});
    assert_string_equal(shown(&fetched.page), "1,3");
    inbox_page_finish(&fetched.page);
}

static void ttl_is_stored_as_the_time_of_expiry(void **state)
{
    int64_t before_ms = clock_wall_ms();
    redisReply *reply;
    long long expiry_ms;

    (void)state;
    send_and_forget("{" TO_ALICE ",\"json\":1,\"ttl\":60}");
    reply = redis_server_ask(&server, "EVAL %s 1 %s",
        "return redis.call('XRANGE', KEYS[1], '-', '+')[1][2]", PREFIX "{alice}:inbox");
    assert_int_equal(reply->elements, 8);
    assert_string_equal(reply->element[6]->str, "x");
    expiry_ms = atoll(reply->element[7]->str);
    assert_true(expiry_ms >= before_ms + 59000 && expiry_ms <= clock_wall_ms() + 61000);
    freeReplyObject(reply);
}

static void foreign_entries_of_the_stream_are_passed_over(void **state)
{
    (void)state;
    send_and_forget("{" TO_ALICE ",\"json\":1}");
    redis_server_do(&server, "XADD %s * other field", PREFIX "{alice}:inbox");
    send_and_forget("{" TO_ALICE ",\"json\":3}");
    expect_unread("pc:home:alice", "", "1,3");
}

static void retry_gives_the_same_id_and_stores_nothing(void **state)
{
    struct message_sent first =
        send_json("{" TO_ALICE ",\"messageId\":\"order/17:paid\",\"json\":1}");
    struct message_sent again =
        send_json("{" TO_ALICE ",\"json\":1,\"messageId\":\"order/17:paid\"}");

    (void)state;
    assert_false(first.duplicate);
    assert_true(again.duplicate && again.stored);
    assert_false(again.conflict);
    assert_id_equal(again.id, first.id);
    assert_id_equal(again.prev_id, first.prev_id);
    assert_int_equal(redis_server_ask_int(&server, "XLEN %s", PREFIX "{alice}:inbox"), 1);
    assert_true(
        redis_server_ask_int(&server, "PTTL %s", PREFIX "{alice}:sent:order/17:paid") > 50000);
    message_sent_finish(&first);
    message_sent_finish(&again);
}

static void same_message_id_with_another_payload_is_a_conflict(void **state)
{
    static const char *const others[] = {
        "{" TO_ALICE ",\"messageId\":\"m\",\"json\":2}",
        "{" TO_ALICE ",\"messageId\":\"m\",\"json\":1,\"durable\":false}",
        "{" TO_ALICE ",\"messageId\":\"m\",\"json\":1,\"serverClient\":\"pc\"}",
    };

    (void)state;
    send_and_forget("{" TO_ALICE ",\"messageId\":\"m\",\"json\":1}");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct message_sent sent = send_json(others[i]);

        assert_true(sent.conflict);
        assert_false(sent.stored);
        message_sent_finish(&sent);
    }
    assert_int_equal(redis_server_ask_int(&server, "XLEN %s", PREFIX "{alice}:inbox"), 1);
}

static void message_id_is_the_users_own(void **state)
{
    struct message_sent sent;

    (void)state;
    send_and_forget("{" TO_ALICE ",\"messageId\":\"m\",\"json\":1}");
    sent = send_json("{\"userId\":\"bob\",\"messageId\":\"m\",\"json\":2}");
    assert_false(sent.duplicate || sent.conflict);
    message_sent_finish(&sent);
}

static void retry_of_a_send_that_was_not_stored_is_a_duplicate_without_id(void **state)
{
    static const char json[] = "{" TO_ALICE ",\"messageId\":\"m\",\"json\":1,\"durable\":false}";
    struct message_sent sent = send_json(json);

    (void)state;
    message_sent_finish(&sent);
    sent = send_json(json);
    assert_true(sent.duplicate);
    assert_false(sent.stored);
    message_sent_finish(&sent);
}

static void what_was_read_on_the_phone_counts_on_the_desk(void **state)
{
    struct message_id second;

    (void)state;
    send_and_forget("{" TO_ALICE ",\"json\":1}");
    second = send_and_forget("{" TO_ALICE ",\"json\":2}");
    send_and_forget("{" TO_ALICE ",\"json\":3}");
    ack("app:home:alice", second);
    expect_unread("pc:home:alice", "", "3");
}

static void what_was_only_for_the_phone_waits_for_it(void **state)
{
    (void)state;
    send_and_forget("{" TO_ALICE ",\"serverClient\":\"app\",\"json\":1}");
    ack("pc:home:alice", send_and_forget("{" TO_ALICE ",\"json\":2}"));
    expect_unread("app:home:alice", "", "1");
    expect_unread("pc:home:alice", "", "");
}

static void page_and_application_have_cursors_of_their_own(void **state)
{
    struct message_id last;

    (void)state;
    send_and_forget("{" TO_ALICE ",\"serverClient\":\"pc\",\"json\":1}");
    last = send_and_forget("{\"key\":\"pc:home:alice\",\"json\":2}");
    ack("pc:shop:alice", last);
    expect_unread("pc:home:alice", "", "2");
    ack("pc:home:alice", last);
    expect_unread("pc:home:alice", "", "");
}

static void ack_never_goes_back(void **state)
{
    struct message_id first = send_and_forget("{" TO_ALICE ",\"json\":1}");
    struct message_id second = send_and_forget("{" TO_ALICE ",\"json\":2}");

    (void)state;
    ack("pc:home:alice", second);
    ack("pc:home:alice", first);
    expect_unread("pc:home:alice", "", "");
}

static void ack_compares_ids_as_numbers(void **state)
{
    (void)state;
    redis_server_do(&server, "XADD %s 9-9 m %s", PREFIX "{alice}:inbox", "{\"json\":1}");
    redis_server_do(&server, "XADD %s 9-10 m %s", PREFIX "{alice}:inbox", "{\"json\":2}");
    redis_server_do(&server, "XADD %s 10-1 m %s", PREFIX "{alice}:inbox", "{\"json\":3}");
    redis_server_do(&server, "HSET %s %s 10-1", PREFIX "{alice}:read", "newest *");
    ack("pc:home:alice", id_of("9-10"));
    ack("pc:home:alice", id_of("9-9"));
    expect_unread("pc:home:alice", "", "3");
    ack("pc:home:alice", id_of("10-1"));
    ack("pc:home:alice", id_of("9-10"));
    expect_unread("pc:home:alice", "", "");
}

static void known_last_id_replays_what_came_after_it_read_or_not(void **state)
{
    struct message_id first = send_and_forget("{" TO_ALICE ",\"json\":1}");
    struct message_id last;
    char text[MESSAGE_ID_BYTES];
    struct registry_entry e = session_at("s1", "pc:home:alice");
    struct registry_opened opened;

    (void)state;
    send_and_forget("{" TO_ALICE ",\"json\":2}");
    last = send_and_forget("{" TO_ALICE ",\"json\":3}");
    ack("app:home:alice", last);
    opened = open_session(&e, message_id_format(first, text));
    assert_true(opened.recovered);
    assert_string_equal(shown(&opened.page), "2,3");
    assert_int_equal(opened.unread, 0);
    assert_int_equal(opened.missed, 2);
    assert_false(opened.cursors.filter);
    assert_id_equal(opened.position, last);
    registry_opened_finish(&opened);
}

static void last_id_that_is_the_newest_replays_nothing(void **state)
{
    char text[MESSAGE_ID_BYTES];

    (void)state;
    expect_unread("pc:home:alice", "0-0", "");
    message_id_format(send_and_forget("{" TO_ALICE ",\"json\":1}"), text);
    expect_unread("pc:home:alice", text, "");
}

static void zero_is_a_known_last_id_until_something_was_trimmed(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:alice");
    struct registry_opened opened;
    struct message_sent sent;

    (void)state;
    send_and_forget("{" TO_ALICE ",\"json\":1}");
    expect_unread("pc:home:alice", "0-0", "1");
    sent = send_json_to_inbox_of("{" TO_ALICE ",\"json\":2}", 1);
    message_sent_finish(&sent);
    opened = open_session(&e, "0-0");
    assert_false(opened.recovered);
    registry_opened_finish(&opened);
}

/* Sends three messages to an inbox of two, and opens with each of the ids. */
static void last_id_that_was_trimmed_is_known_only_as_the_edge(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:alice");
    struct message_id ids[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct message_sent sent = send_json_to_inbox_of("{" TO_ALICE ",\"json\":1}", 2);

        ids[i] = sent.id;
        message_sent_finish(&sent);
    }
    for (int i = 0; i < 4; i++) {
        char text[MESSAGE_ID_BYTES];
        struct registry_opened opened = open_session(&e, message_id_format(ids[i], text));

        /* After ids[0], ids[1] is missing; after ids[1], both that came are still there. */
        assert_int_equal(opened.recovered, i >= 1);
        assert_int_equal(opened.page.count, i >= 1 ? 3 - i : 2);
        registry_opened_finish(&opened);
    }
}

static void last_id_that_never_was_is_not_recovered(void **state)
{
    static const char *const strange[] = {
        "1-1", "99999999999999-0", "18446744073709551615-18446744073709551615"};
    struct registry_entry e = session_at("s1", "pc:home:alice");

    (void)state;
    send_and_forget("{" TO_ALICE ",\"json\":1}");
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        struct registry_opened opened = open_session(&e, strange[i]);

        assert_false(opened.recovered);
        assert_true(opened.cursors.filter);
        assert_string_equal(shown(&opened.page), "1"); /* what is unread, as without lastId */
        registry_opened_finish(&opened);
    }
}

static void last_id_is_not_recovered_after_redis_lost_data(void **state)
{
    static const char lost[] =
        "1000-0"; /* given before the loss, so not by this millisecond's clock */
    struct registry_entry e = session_at("s1", "pc:home:alice");
    struct registry_opened opened;

    (void)state;
    redis_server_do(&server, "XADD %s %s m %s p 0-0", PREFIX "{alice}:inbox", lost, "{\"json\":1}");
    expect_unread("pc:home:alice", lost, "");
    redis_server_do(&server, "FLUSHALL");
    opened = open_session(&e, lost);
    assert_false(opened.recovered);
    registry_opened_finish(&opened);
    send_and_forget("{" TO_ALICE ",\"json\":2}");
    opened = open_session(&e, lost);
    assert_false(opened.recovered);
    registry_opened_finish(&opened);
}

/* Reads what is left after the first page, and returns how many messages came in all. */
static size_t read_pages(const struct registry_entry *e, const struct registry_opened *opened)
{
    struct message_id at = opened->page.last;
    size_t count = opened->page.count;

    for (bool more = opened->page.more; more;) {
        struct inbox_fetched fetched = fetch(&(struct inbox_fetch){.address = &e->address,
            .after = at,
            .cursors = opened->cursors,
            .limits = {10, 1 << 20},
            .session_id = e->session_id});

        assert_false(fetched.gap);
        assert_true(message_id_compare(fetched.page.last, at) > 0);
        at = fetched.page.last;
        count += fetched.page.count;
        more = fetched.page.more;
        inbox_page_finish(&fetched.page);
    }
    assert_id_equal(at, opened->position);
    return count;
}

static void replay_comes_in_pages_until_the_position(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:alice");

    (void)state;
    for (size_t total = 19; total <= 31; total++) {
        struct registry_opened opened;

        redis_server_do(&server, "FLUSHALL");
        for (size_t i = 0; i < total; i++) {
            send_and_forget(i % 2 ? "{" TO_ALICE ",\"json\":1}"
                                  : "{" TO_ALICE ",\"serverClient\":\"app\",\"json\":2}");
        }
        opened = open_as(
            &(struct registry_open){&e, TTL_MS, REGISTRY_ALLOW, "", "", {10, 1 << 20}, 0, 0, NULL});
        assert_int_equal(opened.page.count, 5);
        assert_int_equal(opened.missed, total / 2);
        assert_int_equal(opened.page.more, total > 10);
        assert_int_equal(read_pages(&e, &opened), total / 2);
        registry_opened_finish(&opened);
    }
}

static void fetch_shows_a_gap_when_its_place_was_trimmed(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:alice");
    struct inbox_fetch after_first = {
        .address = &e.address, .limits = {100, 1 << 20}, .session_id = e.session_id};
    struct inbox_fetched fetched;

    (void)state;
    after_first.after = send_and_forget("{" TO_ALICE ",\"json\":1}");
    fetched = fetch(&after_first);
    assert_false(fetched.gap);
    assert_id_equal(fetched.page.last, after_first.after);
    inbox_page_finish(&fetched.page);
    for (int i = 0; i < 3; i++) {
        struct message_sent sent = send_json_to_inbox_of("{" TO_ALICE ",\"json\":2}", 2);

        message_sent_finish(&sent);
    }
    fetched = fetch(&after_first);
    assert_true(fetched.gap);
    assert_int_equal(fetched.page.count, 2);
    inbox_page_finish(&fetched.page);
}

static void fetch_that_is_to_be_confirmed_writes_something(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:alice");
    const struct inbox_fetch confirmed = {.address = &e.address,
        .limits = {100, 1 << 20},
        .session_id = e.session_id,
        .touch_ms = 2 * TTL_MS};
    struct command c;

    (void)state;
    command_init(&c);
    inbox_fetch_command(&c, PREFIX, &confirmed);
    assert_int_equal(redis_sync_run(redis, &c, 1, true, &(redisReply *){NULL}), ERR_REDIS_REFUSED);
    command_finish(&c);

    enter(&e);
    struct inbox_fetched fetched = fetch(&confirmed);
    inbox_page_finish(&fetched.page);
    assert_true(redis_server_ask_int(&server, "PTTL " PREFIX "{alice}") > TTL_MS);
}

static void excluded_session_is_never_shown_the_message(void **state)
{
    struct registry_entry sender = session_at("s1", "pc:home:alice");
    struct registry_entry other = session_at("s2", "pc:home:alice");
    char message[200];

    (void)state;
    snprintf(message, sizeof(message), "{" TO_ALICE ",\"json\":1,\"exclude\":[\"%s\"]}",
        sender.session_id);
    send_and_forget(message);
    struct inbox_fetched fetched = fetch(&(struct inbox_fetch){
        .address = &sender.address, .limits = {10, 1 << 20}, .session_id = sender.session_id});
    assert_int_equal(fetched.page.count, 0);
    assert_false(message_id_is_zero(fetched.page.last));
    inbox_page_finish(&fetched.page);
    struct registry_opened opened = open_session(&other, "");
    assert_string_equal(shown(&opened.page), "1");
    registry_opened_finish(&opened);
}

/* It expires when nothing was sent for long, which is no loss; but not while a replay reads it. */
static void inbox_that_is_not_there_is_a_gap_only_where_something_must_be(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:alice");

    (void)state;
    for (int expects = 0; expects <= 1; expects++) {
        struct inbox_fetched fetched = fetch(&(struct inbox_fetch){.address = &e.address,
            .after = id_of("5-5"),
            .limits = {10, 1 << 20},
            .session_id = e.session_id,
            .expects = expects});

        assert_int_equal(fetched.gap, expects);
        assert_false(fetched.page.more);
        assert_int_equal(fetched.page.count, 0);
        inbox_page_finish(&fetched.page);
    }
}

/* Pages are bounded by what they show, too; but one message is always a page. */
static void page_has_no_more_bytes_than_it_may(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:alice");
    const size_t bytes = strlen("{\"json\":1}");
    static const struct {
        size_t messages, expected;
    } cases[] = {{0, 1}, {1, 1}, {2, 2}, {3, 3}, {4, 3}};

    (void)state;
    for (int i = 0; i < 3; i++) {
        send_and_forget("{" TO_ALICE ",\"json\":1}");
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct inbox_fetched fetched = fetch(&(struct inbox_fetch){.address = &e.address,
            .limits = {10, (int64_t)(cases[i].messages * bytes)},
            .session_id = e.session_id});

        assert_int_equal(fetched.page.count, cases[i].expected);
        assert_int_equal(fetched.page.more, cases[i].expected < 3);
        inbox_page_finish(&fetched.page);
    }
}

static void message_that_excepts_the_reader_stays_unread_for_others(void **state)
{
    struct registry_entry sender = session_at("s1", "pc:home:alice");
    struct address address = sender.address;
    char message[200];

    (void)state;
    snprintf(message, sizeof(message), "{" TO_ALICE ",\"json\":1,\"exclude\":[\"%s\"]}",
        sender.session_id);
    send_and_forget(message);
    struct message_id last = send_and_forget("{" TO_ALICE ",\"json\":2}");
    ack_as(&(struct inbox_ack){.address = &address, .id = last, .was_excepted = true});
    expect_unread("app:home:alice", "", "1");
    ack_as(&(struct inbox_ack){.address = &address, .id = last});
    expect_unread("app:home:alice", "", "");
}

static void page_tells_what_it_passes_over(void **state)
{
    struct registry_entry sender = session_at("s1", "pc:home:alice");
    struct registry_entry other = session_at("s2", "pc:home:alice");
    struct inbox_fetch f = {.address = &sender.address, .limits = {10, 1 << 20}};
    char message[200];

    (void)state;
    snprintf(message, sizeof(message), "{" TO_ALICE ",\"json\":1,\"exclude\":[\"%s\"]}",
        sender.session_id);
    struct message_id first = send_and_forget(message);
    send_and_forget("{" TO_ALICE ",\"json\":2}");
    f.session_id = sender.session_id;
    struct inbox_fetched fetched = fetch(&f);
    assert_id_equal(fetched.page.skipped, first);
    assert_true(fetched.page.excepted);
    inbox_page_finish(&fetched.page);
    f.session_id = other.session_id;
    fetched = fetch(&f);
    assert_true(message_id_is_zero(fetched.page.skipped));
    assert_false(fetched.page.excepted);
    inbox_page_finish(&fetched.page);
}

static void trimmed_messages_that_nobody_read_are_told(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:alice");
    struct message_id last = {0, 0};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct message_sent sent = send_json_to_inbox_of("{" TO_ALICE ",\"json\":1}", 2);

        last = sent.id;
        message_sent_finish(&sent);
    }
    struct registry_opened opened = open_session(&e, "");
    assert_false(opened.recovered);
    assert_int_equal(opened.unread, 2);
    registry_opened_finish(&opened);
    ack("pc:home:alice", last);
    expect_unread("pc:home:alice", "", "");
}

/* Its place is of an inbox that is lost: what came after it there is unknown, but not what is here.
 */
static void unknown_last_id_replays_what_comes_after_it_read_or_not(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:alice");
    struct message_id last = {0, 0};

    (void)state;
    for (int i = 1; i <= 3; i++) {
        last = send_and_forget("{" TO_ALICE ",\"json\":1}");
    }
    ack("pc:home:alice", last);
    struct registry_opened opened = open_session(&e, "1-1");
    assert_false(opened.recovered);
    assert_int_equal(opened.unread, 0);
    assert_int_equal(opened.missed, 3);
    assert_string_equal(shown(&opened.page), "1,1,1");
    registry_opened_finish(&opened);
    opened = open_session(&e, "99999999999999-0");
    assert_false(opened.recovered);
    assert_int_equal(opened.missed, 0);
    registry_opened_finish(&opened);
}

/* What was read long ago is not walked again because one page has no cursor of its own. */
static void replay_starts_at_what_is_unread(void **state)
{
    struct registry_entry other_page = session_at("s2", "pc:shop:alice");

    (void)state;
    send_and_forget("{" TO_ALICE ",\"json\":1}");
    struct message_id read = send_and_forget("{" TO_ALICE ",\"json\":2}");
    ack("pc:home:alice", read);
    struct registry_opened opened = open_session(&other_page, "");
    assert_id_equal(opened.start, opened.position);
    registry_opened_finish(&opened);
    send_and_forget("{" TO_ALICE ",\"json\":3}");
    opened = open_session(&other_page, "");
    assert_id_equal(opened.start, read);
    assert_string_equal(shown(&opened.page), "3");
    registry_opened_finish(&opened);
}

/* Counting them exactly would mean to read them all. */
static void large_inbox_is_counted_by_its_numbers(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:alice");
    static char message[70000];

    (void)state;
    memset(message, 'x', sizeof(message) - 1);
    memcpy(message, "{" TO_ALICE ",\"msgInfo\":\"", strlen("{" TO_ALICE ",\"msgInfo\":\""));
    memcpy(message + 60000, "\"}", 3);
    for (int i = 0; i < 40; i++) {
        send_and_forget(message);
    }
    struct registry_opened opened = open_as(
        &(struct registry_open){&e, TTL_MS, REGISTRY_ALLOW, "", "", {100, 100000}, 0, 0, NULL});
    assert_int_equal(opened.unread, 40);
    assert_int_equal(opened.page.count, 1);
    assert_true(opened.page.more);
    registry_opened_finish(&opened);
}

static void scripts_work_after_script_flush(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:alice");

    (void)state;
    redis_server_do(&server, "SCRIPT FLUSH");
    enter(&e);
    redis_server_do(&server, "SCRIPT FLUSH");
    ack("pc:home:alice", send_and_forget("{" TO_ALICE ",\"json\":1}"));
    expect_unread("pc:home:alice", "", "");
}

static void payload_goes_through_unchanged(void **state)
{
    struct registry_entry e = session_at("s1", "pc:home:alice");
    struct registry_opened opened;

    (void)state;
    send_and_forget("{" TO_ALICE ",\"json\": {\"n\" : 1.10e+2, \"big\":12345678901234567890123, "
                    "\"s\":\"\\u00e9\\n\"},\"msgTitle\":\"t\"}");
    opened = open_session(&e, "");
    assert_int_equal(opened.page.count, 1);
    assert_slice_equal(opened.page.entries[0].payload,
        "{\"msgTitle\":\"t\",\"json\":{\"n\" : 1.10e+2, \"big\":12345678901234567890123, "
        "\"s\":\"\\u00e9\\n\"}}");
    registry_opened_finish(&opened);
}

#define TEST(name) cmocka_unit_test_setup(name, domain_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(send_appends_and_chains_previous_ids),
        TEST(send_tells_the_sessions),
        TEST(send_that_is_not_durable_is_not_stored),
        TEST(inbox_expires_and_keeps_cursors_as_long),
        TEST(inbox_is_trimmed_at_its_limit_exactly),
        TEST(narrowed_messages_reach_only_whom_they_are_for),
        TEST(message_past_its_ttl_is_not_replayed),
        TEST(ttl_is_stored_as_the_time_of_expiry),
        TEST(foreign_entries_of_the_stream_are_passed_over),
        TEST(retry_gives_the_same_id_and_stores_nothing),
        TEST(same_message_id_with_another_payload_is_a_conflict),
        TEST(message_id_is_the_users_own),
        TEST(retry_of_a_send_that_was_not_stored_is_a_duplicate_without_id),
        TEST(what_was_read_on_the_phone_counts_on_the_desk),
        TEST(what_was_only_for_the_phone_waits_for_it),
        TEST(page_and_application_have_cursors_of_their_own),
        TEST(ack_never_goes_back),
        TEST(ack_compares_ids_as_numbers),
        TEST(known_last_id_replays_what_came_after_it_read_or_not),
        TEST(last_id_that_is_the_newest_replays_nothing),
        TEST(zero_is_a_known_last_id_until_something_was_trimmed),
        TEST(last_id_that_was_trimmed_is_known_only_as_the_edge),
        TEST(last_id_that_never_was_is_not_recovered),
        TEST(last_id_is_not_recovered_after_redis_lost_data),
        TEST(replay_comes_in_pages_until_the_position),
        TEST(fetch_shows_a_gap_when_its_place_was_trimmed),
        TEST(fetch_that_is_to_be_confirmed_writes_something),
        TEST(excluded_session_is_never_shown_the_message),
        TEST(inbox_that_is_not_there_is_a_gap_only_where_something_must_be),
        TEST(page_has_no_more_bytes_than_it_may),
        TEST(message_that_excepts_the_reader_stays_unread_for_others),
        TEST(page_tells_what_it_passes_over),
        TEST(trimmed_messages_that_nobody_read_are_told),
        TEST(unknown_last_id_replays_what_comes_after_it_read_or_not),
        TEST(replay_starts_at_what_is_unread),
        TEST(large_inbox_is_counted_by_its_numbers),
        TEST(scripts_work_after_script_flush),
        TEST(payload_goes_through_unchanged),
    };

    return cmocka_run_group_tests(tests, domain_start, domain_stop);
}
