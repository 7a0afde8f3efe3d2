/* Looking back into inboxes, on a real Redis: ranges, single entries, cursors, messageIds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/history.h"
#include "tests/unit/domain.h"

#define ALL_MAX 100

static struct history_range range_of(const char *after, const char *before)
{
    return (struct history_range){.user_id = "u1",
        .after = id_of(after),
        .before = before ? id_of(before) : MESSAGE_ID_MAX,
        .limit = ALL_MAX};
}

/* Puts messages at 1-0 to 5-0. */
static void fill(void)
{
    for (int i = 1; i <= 5; i++) {
        redis_server_do(&server, "XADD %s %d-0 m {\"json\":%d}", PREFIX "{u1}:inbox", i, i);
    }
}

/* The times of a range's ids, such as "12345". */
static const char *times_of(const struct history_range *r)
{
    static char times[ALL_MAX + 1];
    struct history_entry *entries;
    struct command c;
    size_t count;

    command_init(&c);
    history_range_command(&c, PREFIX, r);
    redisReply *reply = run(&c);
    assert_int_equal(history_entries_decode(reply, &entries, &count), ERR_OK);
    for (size_t i = 0; i < count; i++) {
        times[i] = (char)('0' + entries[i].id.ms);
    }
    times[count] = '\0';
    free(entries);
    freeReplyObject(reply);
    return times;
}

static void range_leaves_out_its_ends(void **state)
{
    struct history_range all = range_of("0-0", NULL);
    struct history_range inner = range_of("1-0", "4-0");

    (void)state;
    fill();
    assert_string_equal(times_of(&all), "12345");
    assert_string_equal(times_of(&inner), "23");
    inner.newest_first = true;
    assert_string_equal(times_of(&inner), "32");
}

static void messages_of_one_millisecond_are_told_apart(void **state)
{
    struct history_range r = range_of("3-1", "3-4");

    (void)state;
    for (int n = 1; n <= 4; n++) {
        redis_server_do(&server, "XADD %s 3-%d m {\"json\":%d}", PREFIX "{u1}:inbox", n, n);
    }
    assert_string_equal(times_of(&r), "33");
    r.after = id_of("3-2");
    assert_string_equal(times_of(&r), "3");
    r.newest_first = true;
    assert_string_equal(times_of(&r), "3");
    r.after = id_of("3-3");
    assert_string_equal(times_of(&r), "");
}

static void other_users_are_not_seen(void **state)
{
    struct history_range r = range_of("0-0", NULL);

    (void)state;
    fill();
    r.user_id = "u2";
    assert_string_equal(times_of(&r), "");
}

static void limit_counts_from_the_end_that_comes_first(void **state)
{
    struct history_range r = range_of("0-0", NULL);

    (void)state;
    fill();
    r.limit = 2;
    assert_string_equal(times_of(&r), "12");
    r.newest_first = true;
    assert_string_equal(times_of(&r), "54");
}

static void range_that_holds_nothing_is_seen_without_redis(void **state)
{
    struct history_range behind_all = range_of("0-0", NULL);
    struct history_range before_all = range_of("0-0", "0-0");
    struct history_range crossed = range_of("4-0", "3-9");
    struct history_range smallest = range_of("0-0", "0-1");

    (void)state;
    behind_all.after = MESSAGE_ID_MAX;
    assert_true(history_range_is_empty(&behind_all));
    assert_true(history_range_is_empty(&before_all));
    assert_true(history_range_is_empty(&crossed));
    assert_false(history_range_is_empty(&smallest));
    assert_string_equal(times_of(&smallest), "");
}

static redisReply *ask_for_entry(const char *id)
{
    struct command c;

    command_init(&c);
    history_entry_command(&c, PREFIX, "u1", id_of(id));
    return run(&c);
}

static void entry_tells_what_send_wrote(void **state)
{
    struct message_id id =
        send_and_forget("{\"userId\":\"u1\",\"serverClient\":\"pc\",\"json\":1,\"ttl\":60}");
    struct history_entry *entries;
    char text[MESSAGE_ID_BYTES];
    size_t count;

    (void)state;
    redisReply *reply = ask_for_entry(message_id_format(id, text));
    assert_int_equal(history_entries_decode(reply, &entries, &count), ERR_OK);
    assert_int_equal(count, 1);
    assert_id_equal(entries[0].id, id);
    assert_slice_equal(entries[0].payload, "{\"json\":1}");
    assert_slice_equal(entries[0].narrowing, "pc");
    assert_in_range(entries[0].expires_ms, clock_wall_ms() + 55000, clock_wall_ms() + 60000);
    free(entries);
    freeReplyObject(reply);
}

static void entry_that_is_gone_is_an_empty_range(void **state)
{
    struct history_entry *entries;
    size_t count;

    (void)state;
    redisReply *reply = ask_for_entry("7-7");
    assert_int_equal(history_entries_decode(reply, &entries, &count), ERR_OK);
    assert_int_equal(count, 0);
    free(entries);
    freeReplyObject(reply);
}

static void foreign_fields_and_expiries_are_passed_over(void **state)
{
    struct history_entry *entries;
    size_t count;

    (void)state;
    redis_server_do(&server, "XADD %s 1-0 colour red x soon", PREFIX "{u1}:inbox");
    redisReply *reply = ask_for_entry("1-0");
    assert_int_equal(history_entries_decode(reply, &entries, &count), ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(entries[0].payload.len, 0);
    assert_slice_equal(entries[0].narrowing, "*");
    assert_int_equal(entries[0].expires_ms, 0);
    free(entries);
    freeReplyObject(reply);
}

static void replies_of_another_shape_are_refused(void **state)
{
    static const char *const shapes[] = {"return 1", "return 'text'", "return {1}", "return {{}}",
        "return {{'1-0'}}", "return {{'no id', {}}}", "return {{'1-0', {'m'}}}",
        "return {{'1-0', {'m', {}}}}", "return {{'1-0', 'm'}}"};
    struct history_cursor *cursors;
    struct history_entry *entries;
    struct message_id id;
    int64_t number;
    size_t count;
    bool found;

    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        redisReply *reply = redis_server_ask(&server, "EVAL %s 0", shapes[i]);

        assert_int_equal(history_entries_decode(reply, &entries, &count), ERR_INTERNAL);
        assert_int_equal(history_cursors_decode(reply, &cursors, &count), ERR_INTERNAL);
        assert_int_equal(history_sent_decode(reply, &found, &id), ERR_INTERNAL);
        assert_int_equal(history_unread_decode(reply, &number), i == 0 ? ERR_OK : ERR_INTERNAL);
        freeReplyObject(reply);
    }
}

static void message_is_for_a_place_that_its_narrowing_takes_in(void **state)
{
    const struct target any = {.user_id = "u1"};
    const struct target pc = {.user_id = "u1", .server_client = "pc"};
    const struct target home = {.user_id = "u1", .server_client = "pc", .page = "home"};

    (void)state;
    assert_true(history_is_for(slice_of("app:home"), &any));
    assert_true(history_is_for(slice_of("*"), &home));
    assert_true(history_is_for(slice_of("pc"), &home));
    assert_true(history_is_for(slice_of("pc:home"), &home));
    assert_true(history_is_for(slice_of("pc:news"), &pc));
    assert_false(history_is_for(slice_of("pc:news"), &home));
    assert_false(history_is_for(slice_of("pcs"), &pc));
    assert_false(history_is_for(slice_of("p"), &pc));
    assert_false(history_is_for(slice_of("app"), &pc));
    assert_false(history_is_for(slice_of("pc:"), &home));
}

static void cursors_tell_what_was_acknowledged(void **state)
{
    struct history_cursor *cursors;
    struct message_id id;
    struct command c;
    size_t count;

    (void)state;
    id = send_and_forget("{\"userId\":\"u1\",\"json\":1}");
    ack("pc:home:u1", id);
    command_init(&c);
    history_cursors_command(&c, PREFIX, "u1");
    redisReply *reply = run(&c);
    assert_int_equal(history_cursors_decode(reply, &cursors, &count), ERR_OK);
    assert_int_equal(count, 3); /* "*", "pc" and "pc:home" */
    for (size_t i = 0; i < count; i++) {
        assert_id_equal(cursors[i].id, id);
    }
    free(cursors);
    freeReplyObject(reply);
}

static void cursors_skip_fields_of_two_words(void **state)
{
    struct history_cursor *cursors;
    struct command c;
    size_t count;

    (void)state;
    redis_server_do(&server, "HSET %s %s 9-0 pc 3-0 %s 4-0 %s 7-0 pc:home 5-1 %s 8-0",
        PREFIX "{u1}:read", "newest *", "except pc", "newest except pc:home", "newest pc");
    command_init(&c);
    history_cursors_command(&c, PREFIX, "u1");
    redisReply *reply = run(&c);
    assert_int_equal(history_cursors_decode(reply, &cursors, &count), ERR_OK);
    assert_int_equal(count, 2);
    assert_slice_equal(cursors[0].narrowing, "pc");
    assert_id_equal(cursors[0].id, id_of("3-0"));
    assert_slice_equal(cursors[1].narrowing, "pc:home");
    assert_id_equal(cursors[1].id, id_of("5-1"));
    free(cursors);
    freeReplyObject(reply);
}

static void cursor_that_is_no_id_is_refused(void **state)
{
    struct history_cursor *cursors;
    size_t count;

    (void)state;
    redis_server_do(&server, "HSET %s * soon", PREFIX "{u1}:read");
    redisReply *reply = redis_server_ask(&server, "HGETALL %s", PREFIX "{u1}:read");
    assert_int_equal(history_cursors_decode(reply, &cursors, &count), ERR_INTERNAL);
    freeReplyObject(reply);
}

static int64_t unread_at(const char *server_client, const char *page)
{
    struct target t = {.user_id = "u1"};
    struct command c;
    int64_t unread;

    snprintf(t.server_client, sizeof(t.server_client), "%s", server_client);
    snprintf(t.page, sizeof(t.page), "%s", page);
    command_init(&c);
    history_unread_command(&c, PREFIX, &t);
    redisReply *reply = run(&c);
    assert_int_equal(history_unread_decode(reply, &unread), ERR_OK);
    freeReplyObject(reply);
    return unread;
}

static void unread_counts_what_is_for_the_place(void **state)
{
    struct message_id for_all;

    (void)state;
    for_all = send_and_forget("{\"userId\":\"u1\",\"json\":1}");
    (void)send_and_forget(
        "{\"userId\":\"u1\",\"serverClient\":\"pc\",\"page\":\"news\",\"json\":2}");
    assert_int_equal(unread_at("", ""), 2);
    assert_int_equal(unread_at("pc", "news"), 2);
    assert_int_equal(unread_at("pc", "home"), 1);
    assert_int_equal(unread_at("app", ""), 1);
    ack("pc:home:u1", for_all);
    assert_int_equal(unread_at("app", ""), 0);
    assert_int_equal(unread_at("pc", "news"), 1);
}

/* What is remembered of a messageId: the id, {0,0} if it was not stored; false: nothing. */
static bool find_sent(const char *message_id, struct message_id *id, int64_t *left_ms)
{
    struct command c;
    bool found = false;

    command_init(&c);
    history_sent_command(&c, PREFIX, "u1", message_id);
    redisReply *reply = run(&c);
    assert_int_equal(history_sent_decode(reply, &found, id), ERR_OK);
    freeReplyObject(reply);
    command_init(&c);
    history_sent_ttl_command(&c, PREFIX, "u1", message_id);
    reply = run(&c);
    assert_int_equal(history_sent_ttl_decode(reply, left_ms), ERR_OK);
    freeReplyObject(reply);
    return found;
}

static void message_id_is_found_while_it_is_remembered(void **state)
{
    struct message_id id, sent;
    int64_t left_ms;

    (void)state;
    sent = send_and_forget("{\"userId\":\"u1\",\"json\":1,\"messageId\":\"m1\"}");
    struct message_sent not_stored =
        send_json("{\"userId\":\"u1\",\"json\":1,\"messageId\":\"m2\",\"durable\":false}");
    message_sent_finish(&not_stored);
    assert_true(find_sent("m1", &id, &left_ms));
    assert_id_equal(id, sent);
    assert_true(left_ms > 0);
    assert_true(find_sent("m2", &id, &left_ms));
    assert_true(message_id_is_zero(id));
    assert_false(find_sent("m3", &id, &left_ms));
    assert_int_equal(left_ms, 0);
}

#define test(name) cmocka_unit_test_setup(name, domain_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(range_leaves_out_its_ends),
        test(messages_of_one_millisecond_are_told_apart),
        test(other_users_are_not_seen),
        test(limit_counts_from_the_end_that_comes_first),
        test(range_that_holds_nothing_is_seen_without_redis),
        test(entry_tells_what_send_wrote),
        test(entry_that_is_gone_is_an_empty_range),
        test(foreign_fields_and_expiries_are_passed_over),
        test(replies_of_another_shape_are_refused),
        test(message_is_for_a_place_that_its_narrowing_takes_in),
        test(cursors_tell_what_was_acknowledged),
        test(cursors_skip_fields_of_two_words),
        test(cursor_that_is_no_id_is_refused),
        test(unread_counts_what_is_for_the_place),
        test(message_id_is_found_while_it_is_remembered),
    };

    return cmocka_run_group_tests(tests, domain_start, domain_stop);
}
